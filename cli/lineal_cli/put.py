"""``lineal put``: stores files and folders, announces them, and can wait for their indexing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from lineal_cli.options import FAILED, DataOption, JsonOption, load_settings, pairs

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal.settings import Settings
    from lineal_cli.document_status import DocumentStatus
    from lineal_producers.arrival import Arrival

_MAX_CONCURRENT = 4


class FoundFile(NamedTuple):
    """A file that is to be put."""

    path: Path
    folder: Path | None
    """The folder given, where the file was found in one: links may not lead out of it."""


def put(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files, and folders with all in them.")
    ],
    owner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who the documents belong to.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="K=V", help="A label for each; may be given again."),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="Wait until all are done; fails unless all were indexed. Does the work itself "
            "where no `lineal up` does.",
        ),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put files on the bus.

    In folders, hidden and unfinished files (.part, .tmp, name~ and the like) are left out.
    """
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise typer.BadParameter(f"there is no {str(path)!r}", param_hint="PATH")
    labels = pairs(label, "--label")
    settings = load_settings(data)
    from lineal_cli.lifetime import run_in_loop
    from lineal_cli.printing import STATUS_STYLES, print_json, print_table, short_id

    found = list(files_in(paths, settings.data.resolve()))
    rejected: list[str] = []
    statuses = run_in_loop(put_files(settings, found, owner, labels, wait, as_json, rejected))
    if as_json:
        print_json(
            [
                {"document_id": item.document_id, "name": item.name, "status": item.status}
                for item in statuses
            ]
        )
    elif not statuses and not rejected:
        typer.echo("There is no file in there to be put.", err=True)
    else:
        print_table(
            ("document_id", "name", "status", "reason"),
            [
                (short_id(item.document_id), item.name, item.status, item.reason or "")
                for item in statuses
            ],
            styles=STATUS_STYLES,
        )
    for line in rejected:
        typer.echo(f"refused: {line}", err=True)
    if rejected or (wait and any(item.status != "indexed" for item in statuses)):
        raise typer.Exit(FAILED)


def files_in(paths: list[Path], own: Path) -> Iterator[FoundFile]:
    """The files that paths name, and those in the folders that they name."""
    from lineal_producers.folder.walk import walk

    for path in paths:
        if path.is_dir():
            folder = path.resolve()
            files = sorted(file for file, _ in walk(folder, leave_out=own))
            yield from (FoundFile(file, folder) for file in files)
        else:
            yield FoundFile(path.absolute(), None)


async def put_files(
    settings: Settings,
    found: list[FoundFile],
    owner: str | None,
    labels: Mapping[str, str],
    wait: bool,
    as_json: bool,
    rejected: list[str],
) -> list[DocumentStatus]:
    """Put files on the bus, and where wanted wait until they are done.

    Args:
        as_json: nothing else is printed.
        rejected: to which is added what was not taken, and why.
    """
    import asyncio
    from uuid import uuid4

    from lineal.access.senders import require_acting
    from lineal.observability.logging import configure_logging
    from lineal.runtime import open_runtime
    from lineal_cli.document_status import document_status
    from lineal_cli.waiting import any_worker_running, wait_until_done
    from lineal_producers.quota.usage import QuotaExceeded

    # Logs of single steps would tear the bars apart; what became of each is said at the end.
    configure_logging("error", settings.log_format)
    occurrence = uuid4().hex
    turns = asyncio.Semaphore(_MAX_CONCURRENT)
    async with open_runtime(settings) as runtime:
        by = await require_acting(runtime.store, "upload")
        owner = by.owner_of(owner)

        async def take(number: int, item: FoundFile) -> Arrival | None:
            async with turns:
                try:
                    return await _ingest(
                        runtime, item, by.actor, f"{occurrence}\n{number}", owner, labels
                    )
                except QuotaExceeded as error:
                    rejected.append(f"{item.path.name}: {error}")
                    return None

        taken = await asyncio.gather(*(take(n, item) for n, item in enumerate(found)))
        arrivals = [arrival for arrival in taken if arrival is not None]
        if wait:
            return await wait_until_done(runtime, arrivals, quiet=as_json)
        if arrivals and not as_json and not await any_worker_running(runtime):
            typer.echo(
                f"Nothing is running on {settings.data}: they wait there until `lineal up` is "
                "started (or put them with --wait).",
                err=True,
            )
        return [await document_status(runtime, arrival) for arrival in arrivals]


async def _ingest(
    runtime: Runtime,
    item: FoundFile,
    actor: str,
    occurrence: str,
    owner: str | None,
    labels: Mapping[str, str],
) -> Arrival:
    import asyncio

    from lineal_producers.arrival import ArrivalSource, announce, readable_name, store
    from lineal_producers.quota.usage import check_quota
    from lineal_producers.regular_files import Unreadable, open_regular
    from lineal_producers.settings import ArrivalSettings

    origin = ArrivalSource(
        name=readable_name(item.path.name),
        source=item.path.as_uri(),
        actor=actor,
        occurrence=occurrence,
        tenant=runtime.settings.section(ArrivalSettings).tenant,
        owner=owner,
        labels=labels,
    )
    try:
        file = await asyncio.to_thread(open_regular, item.path, within=item.folder)
    except Unreadable as error:
        return await announce(runtime, origin, problem=str(error))
    with file:
        await check_quota(runtime, owner, await asyncio.to_thread(file.seek, 0, 2))
        file.seek(0)
        content = await store(runtime, file)
    return await announce(runtime, origin, content=content, attended=True)
