"""``lineal produce``: the producers of ``lineal up`` without its stages."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal.cli.options import CommandFailed, DataOption, JsonOption, load_settings

if TYPE_CHECKING:
    from lineal.settings import Settings


class Producer(StrEnum):
    """What can put documents and events on the bus by itself."""

    http = "http"
    folder = "folder"


def produce(
    producers: Annotated[
        list[Producer], typer.Argument(metavar="PRODUCER...", help="http, folder.")
    ],
    inbox: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to watch, made if missing; ./inbox."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="HTTP port, 0 for any free one; 8480."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run chosen producers as a daemon: http, folder.

    Health and metrics are served whatever is chosen. Runs until SIGTERM or Ctrl-C. With --json,
    prints one JSON line when it is ready.
    """
    settings = load_settings(data, inbox=inbox, port=port, workers=1)
    from lineal.cli.lifetime import run_in_loop

    run_in_loop(_produce(settings, set(producers), as_json))


async def _produce(settings: Settings, producers: set[Producer], as_json: bool) -> None:
    import structlog

    from lineal.cli.lifetime import StopSignal
    from lineal.cli.printing import write_bytes
    from lineal.cli.service import serve
    from lineal.observability.logging import configure_logging
    from lineal_producers.http.serving import bind

    configure_logging(settings.log_level, settings.log_format, daemon=True)
    log = structlog.get_logger(__name__)
    listening = bind(settings.listen, settings.port)
    signal = StopSignal(lambda: log.info("produce.stopping"))
    signal.install()
    async with serve(
        settings,
        [],
        inbox=settings.inbox if Producer.folder in producers else None,
        listening=listening,
        uploads=Producer.http in producers,
    ) as service:
        assert service.server is not None
        names = sorted(producer.value for producer in producers)
        url = f"http://{settings.listen}:{service.server.port}"
        log.info("produce.ready", producers=names, url=url)
        if as_json:
            import orjson

            write_bytes(orjson.dumps({"ready": True, "producers": names, "url": url}) + b"\n")
        stopped = asyncio.create_task(signal.wait())
        ended = asyncio.create_task(service.ended())
        await asyncio.wait((stopped, ended), return_when=asyncio.FIRST_COMPLETED)
        broken, problems = not stopped.done(), "; ".join(service.problems)
        stopped.cancel()
        ended.cancel()
    if broken:
        raise CommandFailed(f"{problems}: see the log above, and start it again")
    log.info("produce.stopped")
