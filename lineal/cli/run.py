"""``lineal run``: chosen stages as a daemon."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from lineal.cli.options import CommandFailed, DataOption, JsonOption, load_settings

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal.stages.declaration import Stage


def run(
    stages: Annotated[
        list[str], typer.Argument(metavar="STAGE...", help="Stages; `lineal stages` lists them.")
    ],
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Serve health and metrics on this port; off unless set."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; as many as processors.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run chosen stages as a daemon.

    Several daemons on one data folder share the work. Runs until SIGTERM or Ctrl-C, then finishes
    what has begun; a second signal ends it at once. With --json, prints one JSON line when it is
    ready.
    """
    from lineal.stages.discovery import UnknownStage, find_stages

    try:
        chosen = find_stages(list(dict.fromkeys(stages)))
    except UnknownStage as error:
        raise typer.BadParameter(str(error), param_hint="STAGE") from error
    settings = load_settings(data, workers=workers)
    from lineal.cli.lifetime import run_in_loop

    run_in_loop(_run(settings, chosen, port, as_json))


async def _run(settings: Settings, stages: list[Stage], port: int | None, as_json: bool) -> None:
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
    signal = StopSignal(lambda: log.info("run.stopping"))
    signal.install()
    async with serve(settings, stages, listening=listening) as service:
        names = [stage.name for stage in stages]
        url = None if service.server is None else f"http://127.0.0.1:{service.server.port}"
        log.info("run.ready", stages=names, url=url)
        if as_json:
            import orjson

            write_bytes(orjson.dumps({"ready": True, "stages": names, "url": url}) + b"\n")
        stopped = asyncio.create_task(signal.wait())
        ended = asyncio.create_task(service.ended())
        await asyncio.wait((stopped, ended), return_when=asyncio.FIRST_COMPLETED)
        broken, problems = not stopped.done(), "; ".join(service.problems)
        stopped.cancel()
        ended.cancel()
    if broken:
        raise CommandFailed(f"{problems}: see the log above, and start it again")
    log.info("run.stopped")
