"""``lineal redact``: a copy of a document without what is named."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.answers import answer_to
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, print_json
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    pass

_SOURCE = "lineal:cli/redact"


def redact(
    document: Annotated[
        str, typer.Argument(metavar="DOC", help="Id, unique beginning of an id, or name.")
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")],
    personal: Annotated[
        bool, typer.Option("--personal", help="All that was found to be personal data.")
    ] = False,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Entities of a type: EMAIL, IBAN, PERSON, ..."),
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Option("--word", metavar="TEXT", help="A text, wherever it stands as whole words."),
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME", help="The value of a field; with * and ?."),
    ] = None,
    boxes: Annotated[
        list[str] | None,
        typer.Option(
            "--box",
            metavar="PAGE:LEFT,TOP,WIDTH,HEIGHT",
            help="A part of a page, in fractions of its size: 1:0.1,0.2,0.5,0.05",
        ),
    ] = None,
    pseudonyms: Annotated[
        bool,
        typer.Option("--pseudonyms", help="In a text: [PERSON-1] for the same person everywhere."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the copy here.")
    ] = None,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for the copy.")
    ] = 120,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a copy of a document made without what you name.

    The copy has new pixels, new text and no metadata, and was read again: nothing of what you name
    is found in it any more, or there is no copy. The original stays with those who may see it.
    """
    wanted = {
        "personal": personal,
        "types": types or (),
        "words": words or (),
        "fields": fields or (),
        "boxes": [_box(text) for text in boxes or ()],
        "pseudonyms": pseudonyms,
        "reason": reason,
    }
    done = asyncio.run(_redact(existing_data(data), document, wanted, output, wait))
    if as_json:
        print_json(done)
        return
    if done["redacted"] is None:
        typer.echo(
            "asked; no copy yet: it is made where `lineal up` or `lineal run redact` runs. "
            f"Then `lineal show {done['document_id'][:12]} --as redacted -o FILE` has it."
        )
        return
    typer.echo(f"redacted {count_of(done['places'], 'place')}")
    if output is not None:
        typer.echo(f"wrote {output}")


async def _redact(
    folder: Path, document: str, wanted: dict[str, Any], output: Path | None, seconds: float
) -> dict[str, Any]:
    from pydantic import ValidationError

    from lineal.access.senders import acting_credential
    from lineal.runtime import open_runtime
    from lineal_catalog.documents.queries import find_document
    from lineal_catalog.documents.redaction import request_redaction
    from lineal_schemas.documents import DocumentRedacted

    async with open_runtime(load_settings(folder)) as runtime:
        await runtime.flush_ledger()
        by = await runtime.store.read(acting_credential)
        info = await runtime.store.read(lambda c: find_document(c, document))
        try:
            event = await request_redaction(runtime, info.document_id, by, _SOURCE, **wanted)
        except ValidationError as error:
            raise CommandFailed(error.errors(include_url=False)[0]["msg"]) from error
        except ValueError as error:
            raise CommandFailed(str(error)) from error
        answer = await answer_to(runtime, DocumentRedacted, info.document_id, event, seconds)
        if answer is not None and answer.problem is not None:
            raise CommandFailed(f"there is no copy: {answer.problem}")
        content = None if answer is None else answer.content
        if content is not None and output is not None:
            await asyncio.to_thread(output.write_bytes, await runtime.objects.get(content))
    return {
        "document_id": info.document_id,
        "event": event,
        "redacted": None if content is None else content.sha256,
        "places": 0 if answer is None else answer.places,
    }


def _box(text: str) -> dict[str, Any]:
    page, _, rest = text.partition(":")
    numbers = rest.split(",")
    try:
        left, top, width, height = map(float, numbers)
        return {"page": int(page), "left": left, "top": top, "width": width, "height": height}
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not PAGE:LEFT,TOP,WIDTH,HEIGHT", param_hint="--box"
        ) from error
