"""``lineal serve``: answers requests with models over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.daemon_command import run_daemon, url_of
from lineal_cli.options import DataOption, JsonOption, load_settings

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_cli.service import Service

_STAGES = ("serving.test", "serving")


def serve_model(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Names of models, or one.")
    ],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Answer on this port; 0 for any free one.")
    ] = 8490,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that test models.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve models over HTTP, new versions by growing shares of the requests.

    Answers the Open Inference Protocol (/v2) with the version that is in use. A version that goes
    into use is tested, tried on a share of the requests, and rolled back where it does badly: the
    stages serving.test and serving, which run in this process too. Runs until SIGTERM or Ctrl-C.
    """
    from lineal.errors import UnknownStage
    from lineal.stages.discovery import find_stages
    from lineal_cli.lifetime import run_in_loop
    from lineal_cli.options import CommandFailed

    settings = load_settings(data, workers=workers)
    try:
        stages = find_stages(list(_STAGES))
    except UnknownStage as error:
        raise CommandFailed(str(error)) from error
    run_in_loop(_serve(settings, stages, models, port, as_json))


async def _serve(
    settings: Settings, stages: Any, models: list[str], port: int, as_json: bool
) -> None:
    from lineal_producers.serving.producer import ModelServers

    servers = ModelServers(models)

    async def ready(service: Service) -> dict[str, Any]:
        return {"models": list(servers.names), "url": url_of(service, settings)}

    await run_daemon(
        "serve", settings, stages, ready, port=port, as_json=as_json,
        producers=servers.producers(), routes=servers.routes,
    )  # fmt: skip
