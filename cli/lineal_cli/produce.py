"""``lineal produce``: runs the producers of ``lineal up`` without its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.daemon_command import run_daemon, url_of
from lineal_cli.options import DataOption, InboxOption, JsonOption, inbox_settings, load_settings

if TYPE_CHECKING:
    from lineal.producers import Producer
    from lineal.settings import Settings
    from lineal_cli.service import Service


_HTTP = "http"
"""Not one of the installed producers: every daemon has an HTTP server, for health and metrics."""


def produce(
    producers: Annotated[
        list[str],
        typer.Argument(
            metavar="PRODUCER...", help="http, folder, mqtt, or one of another package."
        ),
    ],
    inbox: InboxOption = None,
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
    from lineal.producers import UnknownProducer, find_producers

    names = set(producers)
    try:
        found = find_producers(sorted(names - {_HTTP}))
    except UnknownProducer as error:
        raise typer.BadParameter(str(error), param_hint="PRODUCER") from error
    settings = load_settings(data, **inbox_settings(inbox), port=port, workers=1)
    from lineal_cli.lifetime import run_in_loop

    run_in_loop(_produce(settings, found, names, as_json))


async def _produce(
    settings: Settings, producers: list[Producer], names: set[str], as_json: bool
) -> None:
    async def ready(service: Service) -> dict[str, Any]:
        return {"producers": sorted(names), "url": url_of(service, settings)}

    await run_daemon(
        "produce",
        settings,
        [],
        ready,
        port=settings.port,
        as_json=as_json,
        producers=producers,
        uploads=_HTTP in names,
    )
