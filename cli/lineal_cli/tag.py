"""``lineal tag``: tags and labels of documents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, plain, print_json, print_table
from lineal_cli.reading import existing_data, reading

if TYPE_CHECKING:
    from lineal_catalog.documents.queries import DocumentInfo

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Tags and labels of documents: give them, take them away, list tags.",
)
_SOURCE = "lineal:cli/tag"
DocumentArgument = Annotated[
    str, typer.Argument(metavar="DOC", help="Id, unique beginning of an id, or name.")
]
TagsArgument = Annotated[list[str], typer.Argument(metavar="TAG...", help="One or several.")]


@app.command()
def add(
    document: DocumentArgument, tags: TagsArgument, data: DataOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Give tags to a document."""
    _say(data, as_json, document, add=tags)


@app.command()
def remove(
    document: DocumentArgument, tags: TagsArgument, data: DataOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Take tags away from a document."""
    _say(data, as_json, document, remove=tags)


@app.command("set")
def set_(
    document: DocumentArgument,
    labels: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="correspondent, date, type, or any other; an empty VALUE takes it away.",
        ),
    ],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say who a document is from, of which day it is, of which type, or any other label.

    What is recognised does not change it any more, and is learnt from.
    """
    said = {}
    for each in labels:
        key, equals, value = each.partition("=")
        if not equals:
            raise typer.BadParameter(f"{each!r} is not KEY=VALUE", param_hint="KEY=VALUE")
        said[key] = value
    _say(data, as_json, document, labels=said)


@app.command("list")
def list_(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List all tags, with how many documents have each."""
    from lineal_catalog.documents.describing import list_tags

    with reading(data) as (connection, _):
        found = list_tags(connection)
    if as_json:
        print_json([{"tag": each.value, "documents": each.documents} for each in found])
        return
    print_table(
        ("tag", "documents"),
        [(plain(each.value), str(each.documents)) for each in found],
        right=frozenset({"documents"}),
        empty="No document has a tag: lineal tag add DOC TAG",
    )


def _say(
    data: Path | None,
    as_json: bool,
    document: str,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> None:
    done = asyncio.run(_describe(existing_data(data), document, add, remove, labels or {}))
    if as_json:
        print_json(done)
    else:
        changed = count_of(len(add) + len(remove) + len(labels or {}), "change")
        typer.echo(f"{changed} of {plain(done['name'])}; `lineal up` takes them in")


async def _describe(
    folder: Path, document: str, add: Sequence[str], remove: Sequence[str],
    labels: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    from pydantic import ValidationError

    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_catalog.documents.describing import UnfitLabel
    from lineal_catalog.documents.queries import find_document
    from lineal_catalog.reviews.descriptions import correct_description
    from lineal_catalog.reviews.reviewer import Reviewer

    async with open_runtime(load_settings(folder)) as runtime:
        await runtime.flush_ledger()
        by = await require_acting(runtime.store, "review")
        info: DocumentInfo = await runtime.store.read(partial(find_document, wanted=document))
        try:
            event = await correct_description(
                runtime, info.document_id, Reviewer.of(by), _SOURCE,
                add=add, remove=remove, labels=labels,
            )  # fmt: skip
        except UnfitLabel as error:
            raise CommandFailed(str(error)) from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise CommandFailed(f"{where}: {first['msg']}" if where else first["msg"]) from error
    return {"document_id": info.document_id, "name": info.name, "event": event}
