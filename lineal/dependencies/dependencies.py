"""All dependencies of a process: declared by its stages, changed by its settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import structlog

from lineal.dependencies.calling import CalledDependency
from lineal.dependencies.dependency import Dependency, DependencySettings
from lineal.dependencies.open_circuits import OpenCircuit, put_open_circuit, remove_open_circuit
from lineal.errors import WrongConfiguration
from lineal.store.connection import Connection, Store
from lineal_schemas.envelope import now_us

log = structlog.get_logger(__name__)

R = TypeVar("R")


class Dependencies:
    """What the stages of this process call. They share the rate and the circuit of each.

    Args:
        settings: by name, what the installation has set.
        store: where open circuits are shown to others; None: nowhere.
        worker: the name of this process.
        now: tells seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        settings: Mapping[str, DependencySettings],
        store: Store | None = None,
        worker: str = "",
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._store = store
        self._worker = worker
        self._now = now
        self._sleep = sleep
        self._declared: dict[str, Dependency] = {}
        self._called: dict[str, CalledDependency] = {}
        self._opened: dict[str, int] = {}
        """When each open circuit opened, microseconds since the Unix epoch."""
        self._writing: set[asyncio.Task[None]] = set()
        self._in_order = asyncio.Lock()

    def declare(self, stage: str, calls: Iterable[str | Dependency]) -> None:
        """A stage of this process calls these.

        Raises:
            WrongConfiguration: another one declares one of them otherwise.
        """
        for item in calls:
            name = item if isinstance(item, str) else item.name
            if isinstance(item, Dependency):
                known = self._declared.setdefault(name, item)
                if known != item:
                    raise WrongConfiguration(
                        f"stage {stage!r} declares the dependency {name!r} otherwise than another "
                        "stage: share the object, or only name it here"
                    )
                called = self._called.get(name)
                if called is not None and called.settings != self._settings_of(name):
                    # Another stage has only named it.
                    del self._called[name]
                    self._make(name).stages |= called.stages
            self._make(name).stages.add(stage)

    def _make(self, name: str) -> CalledDependency:
        if name not in self._called:
            self._called[name] = CalledDependency(
                name, self._settings_of(name),
                now=self._now, sleep=self._sleep, changed=self._show,
            )  # fmt: skip
        return self._called[name]

    def _settings_of(self, name: str) -> DependencySettings:
        """What is declared, changed by what is set."""
        declared = self._declared.get(name)
        fields = {} if declared is None else declared.model_dump(exclude={"name"})
        if name in self._settings:
            fields |= self._settings[name].model_dump(exclude_unset=True)
        return DependencySettings(**fields)

    async def call(
        self,
        stage: str,
        name: str,
        function: Callable[..., Awaitable[R]],
        arguments: tuple[Any, ...],
        waiting: Callable[[], AbstractContextManager[object]],
    ) -> R:
        """See :meth:`lineal.stages.context.Context.call`.

        Raises:
            TypeError: the stage does not declare it.
        """
        called = self._called.get(name)
        if called is None or stage not in called.stages:
            raise TypeError(
                f'stage {stage!r} calls {name!r}: declare it (calls=["{name}"], or a Dependency)'
            )
        return await called.call(stage, function, arguments, waiting)

    @property
    def problems(self) -> list[str]:
        """A sentence for each dependency that does not answer."""
        return [
            f"dependency {called.name}: it does not answer ({called.error}), and is called again "
            f"in {called.circuit.seconds_left:.0f} seconds"
            for called in self._called.values()
            if called.error is not None
        ]

    def _show(self, called: CalledDependency) -> None:
        """Let others see it; that they cannot is no reason to call it, or not to."""
        if self._store is None:
            return
        now, name = now_us(), called.name
        if called.error is None:
            self._opened.pop(name, None)
        else:
            self._opened.setdefault(name, now)
        circuit = called.error and OpenCircuit(
            name, self._worker, tuple(sorted(called.stages)), self._opened[name],
            now + round(called.circuit.seconds_left * 1e6), called.error,
        )  # fmt: skip

        def write(connection: Connection) -> None:
            if circuit:
                put_open_circuit(connection, circuit)
            else:
                remove_open_circuit(connection, name, self._worker)

        task = asyncio.create_task(self._write(write))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, write: Callable[[Connection], None]) -> None:
        assert self._store is not None
        try:
            async with self._in_order:
                await self._store.write(write)
        except Exception as error:
            log.warning("circuit.not_shown", error=repr(error))

    async def close(self) -> None:
        """What this process has found is no longer known."""
        await asyncio.gather(*self._writing, return_exceptions=True)
        for name in self._opened:
            await self._write(lambda c, name=name: remove_open_circuit(c, name, self._worker))  # type: ignore[misc]
