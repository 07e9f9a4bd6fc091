"""``lineal up``: everything in one process tree."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import (
    CommandFailed,
    DataOption,
    InboxOption,
    JsonOption,
    inbox_settings,
    load_settings,
    split_list,
    with_broker,
)

if TYPE_CHECKING:
    from lineal.producers import Producer
    from lineal.settings import Settings
    from lineal.stages.declaration import Stage
    from lineal_cli.service import Service
    from lineal_cli.simulated_fleet import Fleet


def up(
    inbox: InboxOption = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="HTTP port on loopback, 0 for any free one; 8480."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; as many as processors.")
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Bring what devices publish at this MQTT broker onto the bus."
        ),
    ] = None,
    simulate: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=200,
            help="Simulate N turbines, with a fault, a drift, and what follows from them.",
        ),
    ] = None,
    stages: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME,...", help="Run these stages only; `lineal stages` lists them."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start everything: inbox, HTTP and all stages.

    Stages whose libraries are not installed, or whose package is broken, are named and left out.

    Runs until Ctrl-C or SIGTERM, then finishes what has begun; a second Ctrl-C ends it at once.
    With --json, prints one JSON line when it is ready and one for each document that is done.
    """
    begun = time.monotonic()
    found = load_settings(data, **inbox_settings(inbox), port=port, workers=workers)
    settings = with_broker(found, mqtt)
    from lineal_cli.lifetime import run_in_loop

    run_in_loop(_up(settings, stages, simulate, as_json, begun))


async def _up(
    settings: Settings, only: list[str] | None, simulate: int | None, as_json: bool, begun: float
) -> None:
    from lineal.observability.logging import configure_logging
    from lineal_cli.lifetime import StopSignal
    from lineal_cli.reporter import Reporter, reporter
    from lineal_cli.service import serve
    from lineal_producers.http.serving import bind

    # A terminal shows what became of documents; the steps on the way would bury that.
    people = sys.stdout.isatty() and sys.stderr.isatty() and not as_json
    calm = people and "log_level" not in settings.model_fields_set
    level = "warning" if calm else settings.log_level
    configure_logging(level, settings.log_format, daemon=True)
    stages = _chosen(only)
    if not stages:
        raise CommandFailed("no stages are installed: install lineal again (`make install`)")
    listening = bind(settings.listen, settings.port)
    reporting: Reporter = reporter(as_json)
    signal = StopSignal(reporting.stopping)
    signal.install()
    async with AsyncExitStack() as stack:
        fleet: Fleet | None = None
        if simulate is not None:
            from lineal_cli.simulated_fleet import Fleet

            fleet = Fleet(simulate, settings, listening.getsockname()[1])
            settings = await fleet.prepare(stack)
        service = await stack.enter_async_context(
            serve(
                settings,
                stages,
                producers=_wanted(settings),
                listening=listening,
                uploads=True,
            )
        )
        following = asyncio.create_task(reporting.follow(service.runtime))
        reporting.ready(service, time.monotonic() - begun, await _login(service))
        if fleet is not None:
            await fleet.begin(service.runtime, reporting.report, stack)
        stopped = asyncio.create_task(signal.wait())
        ended = asyncio.create_task(service.ended())
        await asyncio.wait((stopped, ended), return_when=asyncio.FIRST_COMPLETED)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        broken = not stopped.done()
        stopped.cancel()
        if broken:
            await ended
            problems = "; ".join(service.problems)
        else:
            ended.cancel()
    if broken:
        raise CommandFailed(f"{problems}: see the log above, and start it again")
    reporting.stopped()


async def _login(service: Service) -> str:
    """An address that logs a browser in as the owner, once."""
    from lineal.access.sessions import new_session
    from lineal_cli.user import login_address
    from lineal_schemas.envelope import now_us

    assert service.server is not None
    key = await service.runtime.store.write(lambda c: new_session(c, "key", None, now_us()))
    return login_address(f"http://127.0.0.1:{service.server.port}", key)


def _chosen(names: list[str] | None) -> list[Stage]:
    """The named stages, or all that can be run here."""
    from lineal.errors import UnknownStage
    from lineal.stages.discovery import find_stages, installed_stages

    if not names:
        return list(installed_stages().values())
    try:
        return find_stages(list(dict.fromkeys(split_list(names))))
    except UnknownStage as error:
        raise typer.BadParameter(str(error), param_hint="--stages") from error


def _wanted(settings: Settings) -> list[Producer]:
    """The producers that the settings ask for."""
    from lineal.producers import UnknownProducer, find_producers, installed_producers
    from lineal_producers.mqtt.settings import MqttSettings

    if settings.section(MqttSettings).url is not None:
        try:
            find_producers(["mqtt"])
        except UnknownProducer as error:
            raise CommandFailed(str(error)) from error
    return [item for item in installed_producers().values() if item.wanted(settings)]
