"""``lineal bridge``: between the devices' MQTT broker and the bus, without any stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal.producers import UnknownProducer, find_producers
from lineal_cli.daemon_command import run_daemon
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings, with_broker

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_cli.service import Service


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
    """Publish what devices send over MQTT on the bus.

    Sends them acknowledgements and jobs.
    Of several bridges with the same client id one works and the others are on standby. Certificates
    and the client id are settings: LINEAL_MQTT__CA, LINEAL_MQTT__CERTIFICATE, LINEAL_MQTT__KEY,
    LINEAL_MQTT__CLIENT_ID. Runs until SIGTERM or Ctrl-C. With --json, prints one JSON line when it
    is connected.
    """
    from lineal_producers.mqtt.settings import MqttSettings

    settings = with_broker(load_settings(data, workers=1), url)
    if settings.section(MqttSettings).url is None:
        raise typer.BadParameter("name the broker, or set LINEAL_MQTT__URL", param_hint="URL")
    from lineal_cli.lifetime import run_in_loop

    run_in_loop(_bridge(settings, port, as_json))


async def _bridge(settings: Settings, port: int | None, as_json: bool) -> None:
    try:
        producers = find_producers(["mqtt"])
    except UnknownProducer as error:
        raise CommandFailed(str(error)) from error
    from lineal_producers.mqtt.bridge import Bridge
    from lineal_producers.mqtt.settings import MqttSettings

    async def ready(service: Service) -> dict[str, Any]:
        running = service.producers["mqtt"]
        assert isinstance(running, Bridge)
        await running.connected.wait()
        return {"broker": settings.section(MqttSettings).url}

    await run_daemon("bridge", settings, [], ready, port=port, as_json=as_json, producers=producers)
