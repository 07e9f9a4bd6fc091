"""What all daemon commands share: report readiness, run until a signal or a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from lineal_cli.options import CommandFailed

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from lineal.producers import Producer
    from lineal.settings import Settings
    from lineal.stages.declaration import Stage
    from lineal_cli.service import Service


async def run_daemon(
    name: str,
    settings: Settings,
    stages: Sequence[Stage],
    ready: Callable[[Service], Coroutine[Any, Any, dict[str, Any]]],
    *,
    port: int | None,
    as_json: bool,
    producers: Sequence[Producer] = (),
    uploads: bool = False,
    routes: Callable[[], Sequence[BaseRoute]] | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what has begun.

    Args:
        name: of the command, in its log lines.
        ready: waits until the service can do its work; its result is reported then.
        port: of health and metrics, and of ``uploads``; None for none.
        routes: what is answered beside health and metrics, once the producers are started.

    Raises:
        CommandFailed: a part of it ended by itself.
    """
    import structlog

    from lineal.observability.logging import configure_logging
    from lineal_cli.lifetime import StopSignal
    from lineal_cli.printing import write_bytes
    from lineal_cli.service import serve

    configure_logging(settings.log_level, settings.log_format, daemon=True)
    log = structlog.get_logger(__name__)
    listening = None
    if port is not None:
        from lineal_producers.http.serving import bind

        listening = bind(settings.listen, port)
    signal = StopSignal(lambda: log.info(f"{name}.stopping"))
    signal.install()
    async with serve(
        settings, stages, producers=producers, listening=listening, uploads=uploads, routes=routes
    ) as service:
        stopped = asyncio.create_task(signal.wait())
        ended = asyncio.create_task(service.ended())
        starting = asyncio.create_task(ready(service))
        await asyncio.wait((stopped, ended, starting), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            attributes = starting.result()
            log.info(f"{name}.ready", **attributes)
            if as_json:
                import orjson

                write_bytes(orjson.dumps({"ready": True, **attributes}) + b"\n")
        await asyncio.wait((stopped, ended), return_when=asyncio.FIRST_COMPLETED)
        broken, problems = not stopped.done(), "; ".join(service.problems)
        for task in (stopped, ended, starting):
            task.cancel()
    if broken:
        raise CommandFailed(f"{problems}: see the log above, and start it again")
    log.info(f"{name}.stopped")


def url_of(service: Service, settings: Settings) -> str | None:
    """Where a service answers over HTTP."""
    if service.server is None:
        return None
    return f"http://{settings.listen}:{service.server.port}"
