"""``lineal split``: has a file that holds several documents split into them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.answers import answer_to
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings, split_list
from lineal_cli.printing import count_of, print_json
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    pass

_SOURCE = "lineal:cli/split"


def split(
    document: Annotated[
        str, typer.Argument(metavar="DOC", help="Id, unique beginning of an id, or name.")
    ],
    first_pages: Annotated[
        list[str] | None,
        typer.Option(
            "--first-pages", metavar="N,...", help="The pages that begin a document; else found."
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait until it is split.")
    ] = 60,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Split a file that holds several documents into them.

    Each part arrives as a document of its own, found from the file and back (`lineal show`). About
    boundaries that are doubtful people are asked: `lineal review list --reason boundary`.
    """
    try:
        pages = [int(each) for each in split_list(first_pages or ())]
        if any(page < 1 for page in pages):
            raise ValueError(pages)
    except ValueError as error:
        raise typer.BadParameter("page numbers, as 1,4,9", param_hint="--first-pages") from error
    done = asyncio.run(_split(existing_data(data), document, pages, wait))
    if as_json:
        print_json(done)
        return
    made = done["split"]
    if made is None:
        typer.echo("asked; it is split where `lineal up` or `lineal run split` runs")
        return
    for part in made["parts"]:
        what = "a document" if part["content"] else "to be looked at"
        if len(made["parts"]) == 1 and not made["doubtful_pages"]:
            what = "one document: nothing to split"
        typer.echo(f"pages {part['first']}-{part['last']}: {what}")
    if made["doubtful_pages"]:
        typer.echo(
            f"{count_of(len(made['doubtful_pages']), 'doubtful page')}: "
            "`lineal review list --reason boundary`"
        )


async def _split(folder: Path, document: str, pages: list[int], seconds: float) -> dict[str, Any]:
    from lineal.access.senders import acting_credential
    from lineal.runtime import open_runtime
    from lineal_catalog.documents.queries import find_document
    from lineal_catalog.documents.splitting import request_split
    from lineal_schemas.streams import DocumentSplit

    async with open_runtime(load_settings(folder)) as runtime:
        await runtime.flush_ledger()
        by = await runtime.store.read(acting_credential)
        info = await runtime.store.read(lambda c: find_document(c, document))
        if pages and pages[-1] > (info.pages or 1):
            raise CommandFailed(f"there is no page {pages[-1]}: it has {info.pages or 1}")
        event = await request_split(runtime, info.document_id, pages, by, _SOURCE)
        made = await answer_to(runtime, DocumentSplit, info.document_id, event, seconds)
    split = None if made is None else made.model_dump(mode="json")
    return {"document_id": info.document_id, "event": event, "split": split}
