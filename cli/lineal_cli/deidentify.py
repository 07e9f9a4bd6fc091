"""``lineal deidentify``: a copy of health records without what identifies a person."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.answers import answer_to
from lineal_cli.idle_stages import idle_stages_running
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, print_json

if TYPE_CHECKING:
    from lineal.access.credential import Credential
    from lineal.runtime import Runtime
    from lineal.settings import Settings

_SOURCE = "lineal:cli/deidentify"
_STAGES = ("register", "deidentify")


def deidentify(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE|FOLDER|DOC",
            help="A file, a folder of a FHIR bulk export (*.ndjson), or a document that is there: "
            "its id, or its name.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the copy here.")
    ] = None,
    mask: Annotated[
        bool, typer.Option("--mask", help="[NAME] instead of a pseudonym for the same name.")
    ] = False,
    years: Annotated[
        bool,
        typer.Option("--years", help="Of dates only the year stays, instead of shifting them."),
    ] = False,
    patient: Annotated[
        str | None,
        typer.Option("--patient", metavar="ID", help="Whose text it is, where it does not say so."),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option("--table", metavar="NAME", help="Make rows of a table of it, to learn from."),
    ] = None,
    definition: Annotated[
        Path | None,
        typer.Option("--definition", metavar="FILE", help="With --table: what is made of it."),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", help="With --table: later entries do not count. Now."),
    ] = None,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for the copy.")
    ] = 600,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a copy of health records without what identifies a person.

    FHIR (JSON, or a resource a line), CSV and text; of other documents their text, once it was
    read. Names and numbers become pseudonyms, dates are shifted by a secret number of days for each
    patient. The file is put on the bus as a document, and the copy belongs to it.
    """
    if (table is None) != (definition is None):
        raise typer.BadParameter("--table and --definition go together")
    wanted: dict[str, Any] = {
        "pseudonyms": not mask,
        "dates": "year" if years else "shift",
        "patient": patient,
    }
    if table is not None and definition is not None:
        moment = datetime.now(UTC) if as_of is None else as_of.replace(tzinfo=UTC)
        wanted["table"] = {
            "name": table, "definition": definition.read_bytes(),
            "as_of_us": int(moment.timestamp() * 1e6),
        }  # fmt: skip
    done = asyncio.run(_deidentify(load_settings(data), what, wanted, output, wait))
    if as_json:
        print_json(done)
        return
    if done["content"] is None:
        typer.echo(
            "asked; no copy yet: it is made where `lineal up` or `lineal run deidentify` runs. "
            f"Then `lineal show {done['document_id'][:12]} --as deidentified -o FILE` has it."
        )
        return
    found: dict[str, int] = done["identifiers"]
    kinds = ", ".join(f"{count} {kind}" for kind, count in found.items())
    typer.echo(f"took out {count_of(sum(found.values()), 'identifier')}: {kinds or 'none'}")
    typer.echo(f"wrote {output}" if output else f"`lineal show {what} --as deidentified` shows it")


async def _deidentify(
    settings: Settings, what: str, wanted: dict[str, Any], output: Path | None, seconds: float
) -> dict[str, Any]:
    from lineal.access.senders import acting_credential
    from lineal.observability.logging import configure_logging
    from lineal.runtime import open_runtime
    from lineal_catalog.documents.deidentification import request_deidentification
    from lineal_producers.arrival import store
    from lineal_schemas.records import RecordDeidentified

    configure_logging("error", settings.log_format)
    async with open_runtime(settings) as runtime:
        by = await runtime.store.read(acting_credential)
        by.require("redact")
        if "table" in wanted:
            declared = BytesIO(wanted["table"]["definition"])
            stored = await store(runtime, declared, "application/toml")
            wanted["table"]["definition"] = stored.model_dump()
        async with idle_stages_running(runtime, _STAGES):
            document = await document_of(runtime, what, by, seconds)
            event = await request_deidentification(runtime, document, by, _SOURCE, **wanted)
            answer = await answer_to(runtime, RecordDeidentified, document, event, seconds)
        if answer is not None and answer.problem is not None:
            raise CommandFailed(f"there is no copy: {answer.problem}")
        content = None if answer is None else answer.content
        if content is not None and output is not None:
            await asyncio.to_thread(output.write_bytes, await runtime.objects.get(content))
    return {
        "document_id": document,
        "event": event,
        "content": None if content is None else content.sha256,
        "identifiers": {} if answer is None else answer.identifiers,
        "key_id": None if answer is None else answer.key_id,
    }


async def document_of(runtime: Runtime, what: str, by: Credential, seconds: float) -> str:
    """The id of a document that is there; a file or folder becomes one first.

    Raises:
        CommandFailed: it is neither, or a folder without FHIR, or is not registered in time.
    """
    from lineal_catalog.documents.queries import UnknownDocument, find_document

    files = await asyncio.to_thread(_files, Path(what))
    if not files:
        await runtime.flush_ledger()
        try:
            return (await runtime.store.read(lambda c: find_document(c, what))).document_id
        except UnknownDocument as error:
            raise CommandFailed(f"there is no file {what!r}, and {error}") from error
    document = await _put(runtime, Path(what), files, by)
    try:
        async with asyncio.timeout(seconds):
            while True:
                await runtime.flush_ledger()
                try:
                    await runtime.store.read(lambda c: find_document(c, document))
                    return document
                except UnknownDocument:
                    await asyncio.sleep(0.05)
    except TimeoutError:
        raise CommandFailed(f"{what} was not registered: does a `lineal up` run?") from None


def _files(path: Path) -> list[Path]:
    """A file; of a folder its FHIR files; none if it is neither."""
    if not path.is_dir():
        return [path.resolve()] if path.exists() else []
    files = sorted(path.resolve().glob("*.ndjson"))
    if not files:
        raise CommandFailed(f"there is no *.ndjson in {path}: name a file, or a bulk export")
    return files


def _join(files: list[Path], joined: IO[bytes]) -> None:
    """Write files one after another, a bulk export's each ending with a line of its own."""
    import shutil

    for file in files:
        with file.open("rb") as content:
            shutil.copyfileobj(content, joined, 1 << 20)
            if len(files) > 1:
                joined.write(b"\n")  # lines that are blank are no resources
    joined.seek(0)


async def _put(runtime: Runtime, path: Path, files: list[Path], by: Credential) -> str:
    from tempfile import TemporaryFile
    from uuid import uuid4

    from lineal_producers.arrival import ArrivalSource, announce, readable_name, store
    from lineal_producers.settings import ArrivalSettings

    by.require("upload")
    with TemporaryFile() as joined:
        await asyncio.to_thread(_join, files, joined)
        stored = await store(runtime, joined)
    is_folder = files[0].name != path.name
    name = f"{files[0].parent.name}.ndjson" if is_folder else path.name
    origin = files[0].parent if is_folder else files[0]
    source = ArrivalSource(
        name=readable_name(name), source=origin.as_uri(), actor=by.actor,
        occurrence=uuid4().hex, tenant=runtime.settings.section(ArrivalSettings).tenant,
    )  # fmt: skip
    return (await announce(runtime, source, content=stored)).document_id
