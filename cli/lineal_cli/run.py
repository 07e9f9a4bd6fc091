"""``lineal run``: runs the named stages as a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.daemon_command import run_daemon, url_of
from lineal_cli.options import DataOption, JsonOption, load_settings

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal.stages.declaration import Stage
    from lineal_cli.service import Service


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
    from lineal.errors import UnknownStage
    from lineal.stages.discovery import find_stages

    try:
        chosen = find_stages(list(dict.fromkeys(stages)))
    except UnknownStage as error:
        raise typer.BadParameter(str(error), param_hint="STAGE") from error
    settings = load_settings(data, workers=workers)
    from lineal_cli.lifetime import run_in_loop

    run_in_loop(_run(settings, chosen, port, as_json))


async def _run(settings: Settings, stages: list[Stage], port: int | None, as_json: bool) -> None:
    async def ready(service: Service) -> dict[str, Any]:
        return {"stages": [stage.name for stage in stages], "url": url_of(service, settings)}

    await run_daemon("run", settings, stages, ready, port=port, as_json=as_json)
