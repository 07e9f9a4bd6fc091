"""``lineal produce``: the producers of ``lineal up`` without its stages."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.daemon_command import run_daemon, url_of
from lineal_cli.options import DataOption, JsonOption, load_settings

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_cli.service import Service


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
    from lineal_cli.lifetime import run_in_loop

    run_in_loop(_produce(settings, set(producers), as_json))


async def _produce(settings: Settings, producers: set[Producer], as_json: bool) -> None:
    async def ready(service: Service) -> dict[str, Any]:
        names = sorted(producer.value for producer in producers)
        return {"producers": names, "url": url_of(service, settings)}

    await run_daemon(
        "produce",
        settings,
        [],
        ready,
        port=settings.port,
        as_json=as_json,
        inbox=settings.inbox if Producer.folder in producers else None,
        uploads=Producer.http in producers,
    )
