"""``lineal sync``: announces the objects of a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_producers.s3.objects import Patterns
    from lineal_producers.s3.sync import SyncResult


def sync(
    source: Annotated[str, typer.Argument(metavar="s3://BUCKET[/PREFIX]")],
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Only keys like this ('*.pdf'); may be given again."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="No keys like this; may be given again."),
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full/--changed-only",
            help="All objects, or those that changed since they were taken last (the default).",
        ),
    ] = False,
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
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the documents of a bucket on the bus.

    Patterns are matched with the key below the prefix; * matches slashes, too. An object that was
    ingested before arrives under the same id: nothing is registered twice.
    """
    parts = urlsplit(source)
    if parts.scheme != "s3" or not parts.netloc or parts.query:
        raise typer.BadParameter(
            f"{source!r} is not like s3://bucket/prefix", param_hint="s3://BUCKET[/PREFIX]"
        )
    settings = load_settings(data)
    try:
        from lineal_producers.s3.objects import Patterns
    except ImportError as error:
        raise CommandFailed(f"buckets need `pip install 'lineal[aws]'` ({error})") from error
    from lineal_cli.lifetime import run_in_loop
    from lineal_cli.printing import print_json

    patterns = Patterns(tuple(include or ()), tuple(exclude or ()))
    where = (parts.netloc, parts.path.lstrip("/"))
    result = run_in_loop(_sync(settings, where, patterns, full, follow, region, endpoint))
    if as_json:
        print_json(
            {
                "taken": result.ingested,
                "unchanged": result.unchanged,
                "left_out": result.left_out,
                "gone": result.gone,
            }
        )
    else:
        typer.echo(
            f"{result.ingested} taken, {result.unchanged} unchanged, {result.left_out} left out"
        )


async def _sync(
    settings: Settings,
    where: tuple[str, str],
    patterns: Patterns,
    full: bool,
    follow: str | None,
    region: str | None,
    endpoint: str | None,
) -> SyncResult:
    from lineal.observability.logging import configure_logging
    from lineal.runtime import open_runtime
    from lineal.store.s3 import s3_client
    from lineal_producers.s3.sync import sync

    bucket, prefix = where
    configure_logging("error" if follow is None else settings.log_level, settings.log_format)
    async with open_runtime(settings) as runtime, s3_client(region, endpoint) as client:
        result = await sync(client, runtime, bucket, prefix, patterns, full=full)
        if follow is not None:
            from aiobotocore.session import get_session

            from lineal_cli.lifetime import StopSignal
            from lineal_producers.s3.notifications import Notifications

            def count(_: object) -> None:
                result.ingested += 1

            import asyncio

            signal = StopSignal(lambda: None)
            signal.install()
            async with get_session().create_client(
                "sqs", region_name=region, endpoint_url=endpoint
            ) as sqs:
                watch = Notifications(client, sqs, follow, runtime, patterns, on_arrival=count)
                watching = asyncio.create_task(watch.run())
                await signal.wait()
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
        return result
