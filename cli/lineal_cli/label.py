"""``lineal label``: labels a document with its kind, to learn from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from lineal_cli.options import DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, print_json
from lineal_cli.reading import existing_data


def label(
    document: Annotated[
        str | None,
        typer.Argument(metavar="DOC", help="Id, unique beginning of an id, or name."),
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="CLASS", help="What it is.")] = None,
    from_labels: Annotated[
        str | None,
        typer.Option(
            "--from-label",
            metavar="KEY",
            help="Instead: every document that was put with a label KEY=CLASS.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what kind a document is, to learn from.

    `lineal model train documents` makes a classifier of the labelled documents, which decides the
    class of documents once it is in use. Labelling a document again replaces its label.
    """
    if (from_labels is None) == (document is None or name is None):
        raise typer.BadParameter("give a document and its class, or --from-label KEY")
    done = asyncio.run(_label(existing_data(data), document, name, from_labels))
    if as_json:
        print_json(done)
    else:
        typer.echo(f"labelled {count_of(len(done), 'document')}")


async def _label(
    folder: Path, document: str | None, name: str | None, from_labels: str | None
) -> list[dict[str, Any]]:
    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_catalog.classes.teaching import NotRead, teach
    from lineal_catalog.documents.queries import find_document, list_documents

    async with open_runtime(load_settings(folder)) as runtime:
        await runtime.flush_ledger()
        by = await require_acting(runtime.store, "review")
        if from_labels is not None:
            found = await runtime.store.read(list_documents)
            chosen = [
                (info.document_id, info.labels[from_labels])
                for info in found
                if info.labels.get(from_labels)
            ]
        else:
            assert document is not None
            assert name is not None
            info = await runtime.store.read(lambda c: find_document(c, document))
            chosen = [(info.document_id, name)]
        taught: list[str] = []
        for document_id, chosen_name in chosen:
            try:
                await teach(runtime, {document_id: chosen_name}, by, "lineal:cli/label")
            except NotRead:
                if from_labels is None:
                    raise
            else:
                taught.append(document_id)
    return [{"document_id": document_id} for document_id in taught]
