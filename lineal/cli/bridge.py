"""``lineal bridge``: between the devices' MQTT broker and the bus, without any stage."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from lineal.cli.options import CommandFailed, DataOption, JsonOption, load_settings, with_broker

if TYPE_CHECKING:
    from lineal.settings import Settings


def bridge(
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="[URL]",
            help="mqtts://HOST:PORT or mqtt://HOST:PORT; LINEAL_MQTT__URL.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Serve health and metrics on this port; off unless set."
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring what devices publish over MQTT onto the bus.

    And what the bus has for them (acknowledgements, jobs) to the devices. Several bridges of one
    client id stand by for each other. Certificates and the client id are settings: LINEAL_MQTT__CA,
    LINEAL_MQTT__CERTIFICATE, LINEAL_MQTT__KEY, LINEAL_MQTT__CLIENT_ID. Runs until SIGTERM or
    Ctrl-C. With --json, prints one JSON line when it is connected.
    """
    settings = with_broker(load_settings(data, workers=1), url)
    if settings.mqtt.url is None:
        raise typer.BadParameter("name the broker, or set LINEAL_MQTT__URL", param_hint="URL")
    from lineal.cli.lifetime import run_in_loop

    run_in_loop(_bridge(settings, port, as_json))


async def _bridge(settings: Settings, port: int | None, as_json: bool) -> None:
    import structlog

    from lineal.cli.lifetime import StopSignal
    from lineal.cli.printing import write_bytes
    from lineal.cli.service import serve
    from lineal.observability.logging import configure_logging

    configure_logging(settings.log_level, settings.log_format, daemon=True)
    log = structlog.get_logger(__name__)
    listening = None
    if port is not None:
        from lineal_producers.http.serving import bind

        listening = bind(settings.listen, port)
    signal = StopSignal(lambda: log.info("bridge.stopping"))
    signal.install()
    async with serve(settings, [], listening=listening, bridge=True) as service:
        assert service.bridge is not None
        stopped = asyncio.create_task(signal.wait())
        ended = asyncio.create_task(service.ended())
        connected = asyncio.create_task(service.bridge.connected.wait())
        await asyncio.wait((stopped, ended, connected), return_when=asyncio.FIRST_COMPLETED)
        if connected.done():
            log.info("bridge.ready", broker=settings.mqtt.url)
            if as_json:
                import orjson

                line = {"ready": True, "broker": settings.mqtt.url}
                write_bytes(orjson.dumps(line) + b"\n")
        await asyncio.wait((stopped, ended), return_when=asyncio.FIRST_COMPLETED)
        broken, problems = not stopped.done(), "; ".join(service.problems)
        for task in (stopped, ended, connected):
            task.cancel()
    if broken:
        raise CommandFailed(f"{problems}: see the log above, and start it again")
    log.info("bridge.stopped")
