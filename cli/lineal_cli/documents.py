"""``lineal documents``: lists documents with their status."""

from __future__ import annotations

from typing import Annotated

import typer

from lineal_catalog.documents.projection import Status
from lineal_catalog.documents.queries import DocumentInfo, list_documents
from lineal_cli.options import DataOption, JsonOption, pairs
from lineal_cli.printing import (
    STATUS_STYLES,
    count_of,
    on_terminal,
    print_json,
    print_table,
    recently,
    short_id,
)
from lineal_cli.reading import reading

_COLUMNS = ("document_id", "name", "status", "pages", "owner", "labels", "arrivals", "registered")


def documents(
    status: Annotated[
        Status | None, typer.Option(help="Only those that stand here.", show_default=False)
    ] = None,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="Only this owner's.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="K=V", help="Only with this label; several must all hold."),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="Only with this tag; several must all hold."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="How many at most, newest first.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List documents with their status."""
    labels = pairs(label, "--label")
    with reading(data) as (connection, _):
        found = list_documents(
            connection,
            status=status,
            owner=owner,
            labels=labels,
            tags=tag or (),
            limit=limit,
        )
    if as_json:
        print_json([document.to_dict() for document in found])
    else:
        print_table(
            _COLUMNS,
            [_cells(document) for document in found],
            right=frozenset({"pages", "arrivals"}),
            styles=STATUS_STYLES,
            empty="No document." if not (status or owner or labels or tag) else "No such document.",
        )


def _cells(document: DocumentInfo) -> tuple[str, ...]:
    reason = f" ({document.reason})" if document.reason else ""
    arrivals = str(document.arrivals)
    if on_terminal():  # a column less, for what is nearly always 1
        reason += f" ({count_of(document.arrivals, 'arrival')})" if document.arrivals > 1 else ""
        arrivals = ""
    return (
        short_id(document.document_id),
        document.name + reason,
        document.status,
        "" if document.pages is None else str(document.pages),
        ", ".join(document.owners),
        " ".join((*document.tags, *(f"{key}={value}" for key, value in document.labels.items()))),
        arrivals,
        recently(document.registered),
    )
