"""The service behind ``lineal up`` and ``lineal run``: stages, producers and HTTP."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from lineal.daemon import Daemon
from lineal.producers import Producer, RunningProducer
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.declaration import Stage
from lineal.store.damage import check_damage
from lineal.store.private import make_private

if TYPE_CHECKING:
    import socket

    from starlette.routing import BaseRoute

    from lineal_producers.http.serving import LoopbackServer


_LOOK_FOR_DAMAGE_SECONDS = 2.0
"""A start does not wait longer: some hundred megabytes."""


class Service:
    """Stages and producers of one process, started and stopped together. Use :func:`serve`."""

    def __init__(self, runtime: Runtime, daemon: Daemon) -> None:
        self.runtime = runtime
        self.daemon = daemon
        self.server: LoopbackServer | None = None
        self.producers: dict[str, RunningProducer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """Of the producers, by their titles."""

    @property
    def problems(self) -> list[str]:
        """What keeps the service from doing its work."""
        problems = list(self.daemon.problems)
        if self.server is not None:
            problems += self.server.problems
        problems += [f"{title} has ended" for title, task in self._tasks.items() if task.done()]
        problems += [item.problem for item in self.producers.values() if item.problem is not None]
        return problems

    async def ended(self) -> None:
        """Wait until a part ends by itself, which is a failure."""
        parts = [asyncio.create_task(self.daemon.wait())]
        producers = list(self._tasks.values())
        try:
            await asyncio.wait([*parts, *producers], return_when=asyncio.FIRST_COMPLETED)
        finally:
            parts[0].cancel()
        for task in producers:
            if task.done():
                task.result()

    def start(self, producer: Producer) -> None:
        """Start a producer.

        Raises:
            Exception: the settings do not fit it.
        """
        running = self.producers[producer.name] = producer.make(self.runtime)
        self._tasks[producer.title] = asyncio.create_task(running.run(), name=producer.title)

    async def stop_producers(self) -> None:
        """Stop taking in."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def start_http(
        self,
        listening: socket.socket,
        *,
        uploads: bool,
        more_routes: Sequence[BaseRoute] = (),
    ) -> None:
        """Answer on a listening socket: health and metrics, with ``uploads`` everything else."""
        from lineal.health import Health
        from lineal_producers.http.application import application, monitoring_application
        from lineal_producers.http.serving import LoopbackServer

        health = Health(self.runtime, lambda: self.problems)
        if uploads:
            app = application(self.runtime, health, more_routes, workers=self.daemon.workers)
        else:
            app = monitoring_application(self.runtime, health, more_routes)
        self.server = LoopbackServer(app, listening)
        await self.server.start()


@contextmanager
def _private_temporary_files(settings: Settings) -> Iterator[None]:
    """Uploads and pages that wait on the disk do so in the data folder: the system's temporary
    folder is everybody's. A process that goes on without the service gets its own back."""
    folder = settings.data.resolve() / "tmp"
    make_private(folder)
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir, variable = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable


@asynccontextmanager
async def serve(
    settings: Settings,
    stages: Sequence[Stage],
    *,
    producers: Sequence[Producer] = (),
    listening: socket.socket | None = None,
    uploads: bool = False,
    routes: Callable[[], Sequence[BaseRoute]] | None = None,
) -> AsyncIterator[Service]:
    """Start everything; on leaving, stop taking in, finish what has begun, then close.

    Raises:
        WrongConfiguration: the settings of a stage do not fit it.
        WrongAddress: a bridge is wanted, and the settings name no MQTT broker.
        IncompatibleDatabase, StoreDamaged, OSError: the data folder or inbox cannot be used.
    """
    if (settings.data / "lineal.db").is_file():
        await asyncio.to_thread(
            check_damage, settings.data / "lineal.db", seconds=_LOOK_FOR_DAMAGE_SECONDS
        )
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(open_runtime(settings))
        stack.enter_context(_private_temporary_files(settings))
        daemon = Daemon(runtime, stages)
        service = Service(runtime, daemon)
        stack.push_async_callback(daemon.stop)
        await daemon.start()
        stack.push_async_callback(service.stop_producers)
        for producer in producers:
            service.start(producer)
        if listening is not None:
            more = () if routes is None else routes()
            await service.start_http(listening, uploads=uploads, more_routes=more)
            assert service.server is not None
            stack.push_async_callback(service.server.stop)
        yield service
