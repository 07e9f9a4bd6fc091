"""``lineal sync``: announces what changed in a bucket or a folder tree."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings, pairs

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_producers.sync.comparison import SyncResult
    from lineal_producers.sync.settings import SourceSettings


def sync(
    source: Annotated[str, typer.Argument(metavar="s3://BUCKET[/PREFIX]|FOLDER")],
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Only files like this ('*.pdf', 're:^20[0-9]{2}/'); may be given again.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="No files like this; may be given again."),
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full/--changed-only",
            help="All files, or those that changed since they were taken last (the default).",
        ),
    ] = False,
    deleted: Annotated[
        str,
        typer.Option(
            metavar="mark|hide|ignore",
            help="Of a file that was deleted: an event says so; its document is also no longer "
            "found by searching; nothing.",
        ),
    ] = "mark",
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Everything may have been deleted.")
    ] = False,
    every: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Again every 15m (30s, 2h, 1d), until Ctrl-C."),
    ] = None,
    follow: Annotated[
        str | None,
        typer.Option(
            metavar="QUEUE_URL",
            help="Then go on with what S3 tells of through this SQS queue, until Ctrl-C.",
        ),
    ] = None,
    region: Annotated[str | None, typer.Option(help="Of the bucket, where AWS's differs.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Another place than AWS (MinIO).")
    ] = None,
    access_lists: Annotated[
        bool,
        typer.Option(
            "--access-lists",
            help="Of a bucket: its objects' own access lists say who may see them.",
        ),
    ] = False,
    users: Annotated[
        list[str] | None,
        typer.Option(
            "--user",
            metavar="ID=NAME",
            help="With --access-lists: our user for a canonical user of S3; may be given again.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the documents of a bucket or a folder tree on the bus.

    Patterns are matched with the path below the prefix or the folder; * matches slashes, too, and
    re: begins a regular expression. NAME.metadata.json beside a file gives its document an owner,
    labels and readers. A file that was ingested before arrives under the same id: nothing is
    registered twice.
    """
    from pydantic import ValidationError

    from lineal_producers.sync.patterns import WrongPattern
    from lineal_producers.sync.settings import SourceSettings, WrongSource

    given: dict[str, Any] = {"every": every} if every is not None else {}
    try:
        chosen = SourceSettings.model_validate(
            {
                "url": source, "include": include or (), "exclude": exclude or (),
                "deleted": deleted, "allow_empty": allow_empty, "region": region,
                "endpoint": endpoint, "access_lists": access_lists,
                "users": pairs(users, "--user"), **given,
            }
        )  # fmt: skip
    except (WrongSource, WrongPattern) as error:
        raise typer.BadParameter(str(error)) from error
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise typer.BadParameter("; ".join(problems)) from error
    if follow is not None and chosen.bucket_prefix() is None:
        raise typer.BadParameter("--follow is for buckets: a folder has --every, or --inbox of up")
    if access_lists and chosen.bucket_prefix() is None:
        raise typer.BadParameter("--access-lists is for buckets: a folder has NAME.metadata.json")
    if follow is not None and every is not None:
        raise typer.BadParameter("--every and --follow exclude each other: choose one")
    settings = load_settings(data)
    from lineal_cli.lifetime import run_in_loop

    run_in_loop(_sync(settings, chosen, full, every is not None, follow, as_json))


def _report(result: SyncResult, as_json: bool) -> None:
    from lineal_cli.printing import print_json

    if as_json:
        print_json(
            {
                "taken": result.ingested,
                "unchanged": result.unchanged,
                "left_out": result.left_out,
                "gone": result.gone,
                "deleted": result.deleted,
            }
        )
    else:
        typer.echo(
            f"{result.ingested} taken, {result.unchanged} unchanged, {result.deleted} deleted, "
            f"{result.left_out} left out"
        )


async def _sync(
    settings: Settings,
    source: SourceSettings,
    full: bool,
    again: bool,
    follow: str | None,
    as_json: bool,
) -> None:
    from lineal.observability.logging import configure_logging
    from lineal.runtime import open_runtime
    from lineal_cli.lifetime import StopSignal
    from lineal_producers.sync.schedule import synchronise_source

    lasting = again or follow is not None
    configure_logging(settings.log_level if lasting else "error", settings.log_format)
    signal = StopSignal(lambda: None)
    if lasting:
        signal.install()
    async with open_runtime(settings) as runtime:
        if not again:
            result = await synchronise_source(runtime, source, full=full)
            if follow is not None:
                await _follow(runtime, source, follow, result, signal)
            _report(result, as_json)
            return
        stopped = asyncio.create_task(signal.wait())
        while not stopped.done():
            syncing = asyncio.create_task(synchronise_source(runtime, source, full=full))
            await asyncio.wait((stopped, syncing), return_when=asyncio.FIRST_COMPLETED)
            if not syncing.done():
                syncing.cancel()
                await asyncio.gather(syncing, return_exceptions=True)
                return
            _report(syncing.result(), as_json)
            await asyncio.wait((stopped,), timeout=source.every)


async def _follow(
    runtime: Any, source: SourceSettings, queue: str, result: SyncResult, signal: Any
) -> None:
    try:
        from lineal.aws_session import aws_session
        from lineal.store.s3 import s3_client
        from lineal_producers.s3.access_lists import AccessLists
        from lineal_producers.s3.notifications import Notifications
    except ImportError as error:
        raise CommandFailed(f"buckets need `pip install 'lineal[aws]'` ({error})") from error

    def count(_: object) -> None:
        result.ingested += 1

    where = {"region_name": source.region, "endpoint_url": source.endpoint}
    async with (
        s3_client(source.region, source.endpoint) as client,
        aws_session().create_client("sqs", **where) as sqs,
    ):
        watch = Notifications(
            client,
            sqs,
            queue,
            runtime,
            source.patterns,
            on_arrival=count,
            deleted=source.deleted,
            access_lists=AccessLists(source.users) if source.access_lists else None,
        )
        watching = asyncio.create_task(watch.run())
        await signal.wait()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
