"""Health and metrics of a process over HTTP: ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.effects.retries import waiting_retries
from lineal.observability.spans import messaging_system
from lineal.runtime import Runtime
from lineal.stages.messaging_metrics import MessagingMetrics
from lineal.store.connection import Connection

_WRITE_SECONDS = 5.0
_MIN_FREE_BYTES = 64 * 1024 * 1024

_LAG = Gauge("lineal_group_lag", "Events a group has yet to handle", ["group", "topic"])
_WAITING = Gauge(
    "lineal_delayed_events", "Failed events that wait for their next attempt", ["stage"]
)
_EVENTS = Gauge("lineal_topic_events", "Events that are kept in a topic", ["topic"])


class Health:
    """Asks everything that has to work.

    Args:
        problems: what the parts of this process (the daemon, the folder watch) complain of.
    """

    def __init__(self, runtime: Runtime, problems: Callable[[], Sequence[str]]) -> None:
        self._runtime = runtime
        self._problems = problems

    async def reasons(self) -> list[str]:
        """Why the process is not ready; empty when it is."""
        reasons = list(self._problems())
        data = self._runtime.settings.data
        try:
            free = shutil.disk_usage(data).free
        except OSError as error:
            reasons.append(f"the data folder cannot be used: {error.strerror}")
        else:
            if free < _MIN_FREE_BYTES:
                reasons.append(
                    f"the disk of the data folder is full ({free // 1_000_000} MB free): make room"
                )
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await self._runtime.store.write(_touch)
        except TimeoutError:
            reasons.append(f"the database could not be written within {_WRITE_SECONDS:g} seconds")
        except Exception as error:
            reasons.append(f"the database cannot be written: {error}")
        return reasons


def health_routes(health: Health) -> list[Route]:
    """``/healthz`` (alive) and ``/readyz`` (200, or 503 with reasons)."""

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(request: Request) -> Response:
        reasons = await health.reasons()
        return JSONResponse(
            {"status": "not ready" if reasons else "ready", "reasons": reasons},
            status_code=503 if reasons else 200,
        )

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def metrics(runtime: Runtime) -> Callable[[Request], Awaitable[Response]]:
    """What answers ``/metrics``."""

    conventional = MessagingMetrics(messaging_system(runtime.settings.bus))

    async def answer(request: Request) -> Response:
        for topic in await runtime.bus.topics():
            _EVENTS.labels(topic.topic).set(topic.events)
            for group in topic.groups:
                _LAG.labels(group.group, topic.topic).set(group.lag)
        _WAITING.clear()
        for stage, waiting in (await runtime.store.read(waiting_retries)).items():
            _WAITING.labels(stage).set(waiting.events)
        return Response(
            generate_latest() + generate_latest(conventional),
            headers={"content-type": CONTENT_TYPE_LATEST},
        )

    return answer


def _touch(connection: Connection) -> None:
    """A change that changes nothing but has to be written."""
    connection.execute("UPDATE builds SET stage = stage WHERE id = 1")
