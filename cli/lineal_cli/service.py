"""What ``lineal up`` and ``lineal run`` start: stages, and if wanted the inbox and HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from lineal.daemon import Daemon
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.declaration import Stage
from lineal_cli.options import CommandFailed

if TYPE_CHECKING:
    import socket

    from lineal_producers.folder.watch import FolderWatch
    from lineal_producers.http.serving import LoopbackServer
    from lineal_producers.mqtt.bridge import Bridge

log = structlog.get_logger(__name__)


class Service:
    """Stages and producers of one process, started and stopped together. Use :func:`serve`."""

    def __init__(self, runtime: Runtime, daemon: Daemon) -> None:
        self.runtime = runtime
        self.daemon = daemon
        self.server: LoopbackServer | None = None
        self.watch: FolderWatch | None = None
        self.watching_elsewhere = False
        """Another process watches the inbox; this one takes over when that ends."""
        self._watching: asyncio.Task[None] | None = None
        self.bridge: Bridge | None = None
        self._bridging: asyncio.Task[None] | None = None

    @property
    def problems(self) -> list[str]:
        """What keeps the service from doing its work."""
        problems = list(self.daemon.problems)
        if self.server is not None:
            problems += self.server.problems
        if self._watching is not None and self._watching.done():
            problems.append("the folder watch has ended")
        if self.watch is not None and self.watch.problem is not None:
            problems.append(self.watch.problem)
        if self._bridging is not None and self._bridging.done():
            problems.append("the MQTT bridge has ended")
        if self.bridge is not None and self.bridge.problem is not None:
            problems.append(self.bridge.problem)
        return problems

    async def ended(self) -> None:
        """Wait until a part ends by itself, which none should."""
        parts = [asyncio.create_task(self.daemon.wait())]
        producers = [task for task in (self._watching, self._bridging) if task is not None]
        try:
            await asyncio.wait([*parts, *producers], return_when=asyncio.FIRST_COMPLETED)
        finally:
            parts[0].cancel()
        for task in producers:
            if task.done():
                task.result()

    async def start_watch(self, inbox: Path) -> None:
        """Watch the inbox, or stand by while another process does."""
        from lineal_producers.folder.inbox_lock import InboxLock
        from lineal_producers.folder.watch import FolderWatch

        self.watch = watch = FolderWatch(self.runtime, inbox)
        lock = InboxLock(self.runtime.settings.data, inbox)
        self.watching_elsewhere = not lock.acquire()

        async def watch_in_turn() -> None:
            if self.watching_elsewhere:
                await lock.wait()
                self.watching_elsewhere = False
                log.info("folder.taken_over")
            try:
                await watch.run()
            finally:
                lock.release()

        self._watching = asyncio.create_task(watch_in_turn(), name="folder watch")

    async def stop_watch(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    def start_bridge(self) -> None:
        """Bring what devices publish from the MQTT broker of the settings onto the bus.

        Raises:
            WrongAddress: the settings name no broker.
            CommandFailed: the libraries for it are not installed.
        """
        try:
            from lineal_producers.mqtt.bridge import Bridge
        except ImportError as error:
            raise CommandFailed(f"MQTT needs `pip install 'lineal[mqtt]'` ({error})") from error
        self.bridge = Bridge(self.runtime)
        self._bridging = asyncio.create_task(self.bridge.run(), name="MQTT bridge")

    async def stop_bridge(self) -> None:
        if self._bridging is not None:
            self._bridging.cancel()
            await asyncio.gather(self._bridging, return_exceptions=True)

    async def start_http(self, listening: socket.socket, *, uploads: bool) -> None:
        """Answer on a listening socket: health and metrics, with ``uploads`` everything else."""
        from lineal.health import Health, health_routes
        from lineal_producers.http.application import application, bare_application
        from lineal_producers.http.serving import LoopbackServer

        routes = health_routes(self.runtime, Health(self.runtime, lambda: self.problems))
        app = (
            application(self.runtime, routes)
            if uploads
            else bare_application(routes, listen=self.runtime.settings.listen)
        )
        self.server = LoopbackServer(app, listening)
        await self.server.start()


@asynccontextmanager
async def serve(
    settings: Settings,
    stages: Sequence[Stage],
    *,
    inbox: Path | None = None,
    listening: socket.socket | None = None,
    uploads: bool = False,
    bridge: bool = False,
) -> AsyncIterator[Service]:
    """Start everything; on leaving, stop taking in, finish what has begun, then close.

    Raises:
        WrongConfiguration: the settings of a stage do not fit it.
        WrongAddress: a bridge is wanted, and the settings name no MQTT broker.
        IncompatibleDatabase, StoreDamaged, OSError: the data folder or inbox cannot be used.
    """
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(open_runtime(settings))
        daemon = Daemon(runtime, stages)
        service = Service(runtime, daemon)
        stack.push_async_callback(daemon.stop)
        await daemon.start()
        if inbox is not None:
            await service.start_watch(inbox)
            stack.push_async_callback(service.stop_watch)
        if bridge:
            service.start_bridge()
            stack.push_async_callback(service.stop_bridge)
        if listening is not None:
            await service.start_http(listening, uploads=uploads)
            assert service.server is not None
            stack.push_async_callback(service.server.stop)
        yield service
