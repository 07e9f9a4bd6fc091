"""Opens what a process works with: settings, store, bus and object store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from lineal.backends import open_blobs, open_bus, open_bus_marks, open_codec, open_spans, open_store
from lineal.bus.embedded.bus import EmbeddedBus
from lineal.bus.marks import Marks
from lineal.bus.protocol import Bus
from lineal.bus.traced import TracedBus
from lineal.committing import FencingCommitter, StoreFirstCommitter, committer_of
from lineal.dependencies.dependencies import Dependencies
from lineal.errors import BusUnavailable, LinealError, StoreUnavailable, WrongConfiguration
from lineal.lineage.actor import this_worker
from lineal.observability.spans import SpanExporter
from lineal.producers import broker_types
from lineal.registry.protocol import Codec
from lineal.setting_names import setting_problems
from lineal.settings import Settings
from lineal.stages.artifacts_in_use import ArtifactsInUse, ArtifactSource
from lineal.stages.configuration import read_config, section_of
from lineal.stages.declaration import Stage
from lineal.stages.executor import StageExecutor
from lineal.stages.services import Services, Workers
from lineal.stages.state import ReplayedState, StoredState
from lineal.stages.work_shares import WorkShares
from lineal.store.connection import Store
from lineal.store.database import Database, file_blobs
from lineal.store.objects import ObjectStore
from lineal.workers.costs import Cost
from lineal.workers.fair_queue import ANY_CALLER, Caller
from lineal_schemas.payload import foreign_of

log = structlog.get_logger(__name__)

R = TypeVar("R")

_FLUSH_SECONDS = 60.0
_FLUSH_SECONDS_AT_CLOSE = 10.0


class NoWorkers:
    """In place of a worker pool, where no stage is run."""

    async def run(
        self,
        function: Callable[..., R],
        *arguments: object,
        caller: Caller = ANY_CALLER,
        seconds: float | None = None,
        cost: Cost | None = None,
        begun: Callable[[], None] | None = None,
    ) -> R:
        raise RuntimeError("no worker pool is running in this process")

    def allow_reading(self, paths: Iterable[Path]) -> None:
        """There is nobody to read."""


@dataclass(slots=True)
class Runtime:
    """Use :func:`open_runtime`."""

    settings: Settings
    database: Database
    """What this machine keeps for itself; the store as well, unless the settings name another."""
    store: Store
    bus: Bus
    objects: ObjectStore
    committer: FencingCommitter
    """Makes durable what was done: outputs on the bus, effects in the store."""
    dependencies: Dependencies
    """What the stages of this process call."""
    marks: Marks | None = None
    """Of a broker that others write to as well; None where only we do."""
    codec: Codec | None = None
    """Reads and writes data by a schema registry, if there is one."""
    spans: SpanExporter | None = None
    """Where spans are exported to, if they are."""

    @property
    def embedded_bus(self) -> EmbeddedBus | None:
        """The bus, where it is the embedded one."""
        bus = self.bus.traced if isinstance(self.bus, TracedBus) else self.bus
        return bus if isinstance(bus, EmbeddedBus) else None

    def config_of(self, stage: Stage) -> BaseModel:
        """A stage's configuration from the settings.

        Raises:
            WrongConfiguration: what the settings say under ``stages.<name>`` does not fit.
        """
        try:
            return read_config(stage, self.settings.stages)
        except ValidationError as error:
            problems = setting_problems(error, stage.config)
            raise WrongConfiguration(
                f"settings [stages.{section_of(stage)}]: {problems}"
            ) from error

    def bind(
        self,
        stage: Stage,
        workers: Workers | None = None,
        *,
        replayed: ReplayedState | None = None,
        artifacts: Sequence[ArtifactSource] | None = None,
    ) -> StageExecutor:
        """A stage with its configuration from the settings.

        A replay begins without the stage's state, leaves the live one alone, and sets no timers.

        Args:
            replayed: the state of a replay.
            artifacts: what answers which artifacts are in use; the installed sources unless given.

        Raises:
            WrongConfiguration: what the settings say under ``stages.<name>`` does not fit.
        """
        foreign = [p.type for p in (*stage.inputs, *stage.produces) if foreign_of(p.type)]
        if foreign and self.codec is None:
            raise WrongConfiguration(
                f"stage {stage.name!r} handles {foreign[0]} by a schema registry: set its url "
                "under [registry], or LINEAL_REGISTRY__URL"
            )
        services = Services(
            store=self.store,
            objects=self.objects,
            workers=workers or NoWorkers(),
            worker_name=this_worker(),
            state=StoredState(self.store) if replayed is None else replayed,
            artifacts=ArtifactsInUse(self.store, artifacts),
            shares=WorkShares(self.store),
            bus_erases=self.bus.capabilities.erases,
            store_first=not self.bus.capabilities.applies_effects,
            marks=self.marks,
            broker_types=frozenset() if self.marks is None else self.broker_types,
            dependencies=self.dependencies,
            spans=self.spans,
            codec=self.codec,
            flush_ledger=self.flush_ledger,
        )
        config = self.config_of(stage)
        if stage.reads is not None:
            services.workers.allow_reading(stage.reads(config))
        return StageExecutor(
            stage,
            config,
            services,
            handler_seconds=self.settings.handler_seconds,
            retry_delays=self._retry_delays(stage),
            replaying=replayed is not None,
        )

    def _retry_delays(self, stage: Stage) -> Sequence[float]:
        delays = self.settings.retry.delays.get(stage.name, stage.retry_delays)
        if delays and stage.on_failure == "wait":
            raise WrongConfiguration(
                f"settings [retry.delays]: later events of a key wait for a failed one in stage "
                f"{stage.name!r} (on_failure), so it can have no delays"
            )
        return delays

    @property
    def broker_types(self) -> frozenset[str]:
        """What others may write to a shared broker, beside types of their own."""
        return broker_types(self.settings)

    async def flush_ledger(self) -> None:
        """Wait until the store has the effects of everything committed before this call.

        Raises:
            BusUnavailable: it takes too long.
        """
        if not self.bus.capabilities.applies_effects:
            from lineal.lineage.follower import flush_ledger

            await flush_ledger(self.bus, self.store, _FLUSH_SECONDS, marks=self.marks)


@contextlib.asynccontextmanager
async def open_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Connect to the store and the bus, and open the data folder, made if missing.

    Raises:
        UnsupportedSetting: the settings name a bus or a store that this lineal does not have, or
            that do not go together.
        BusUnavailable, StoreUnavailable: they cannot be reached.
        IncompatibleDatabase, StoreDamaged, OSError: the data folder cannot be used.
    """
    async with contextlib.AsyncExitStack() as stack:
        database = Database(settings.data, durability=settings.durability)
        database.open()
        stack.push_async_callback(database.close)
        blobs = file_blobs(database)
        blobs.remove_unfinished()
        store = await open_store(settings, database, stack)
        objects = ObjectStore(store, await open_blobs(settings, blobs, stack))
        marks = await open_bus_marks(settings, store)
        bus = await open_bus(settings, database, store, objects, stack, marks)
        spans = await open_spans(settings, stack)
        codec = await open_codec(settings, stack)
        if spans is not None:
            bus = TracedBus(bus, spans)
        committer = committer_of(bus, store)
        dependencies = Dependencies(settings.dependencies, store, this_worker())
        stack.push_async_callback(dependencies.close)
        runtime = Runtime(
            settings, database, store, bus, objects, committer, dependencies, marks, codec, spans
        )
        try:
            yield runtime
        finally:
            if isinstance(committer, StoreFirstCommitter) and committer.published_effects:
                await _flush_at_close(runtime)
            if settings.log.enabled:
                await _sign_at_close(runtime)


async def _sign_at_close(runtime: Runtime) -> None:
    """No daemon may be there to sign what a command has done."""
    # Not imported for questions: it brings a library that they do not need.
    from lineal.proof.log_tables import is_behind

    try:
        if await runtime.store.read(is_behind):
            from lineal.proof.writer import sign_behind

            await sign_behind(runtime.store, runtime.settings.log, runtime.settings.data)
    except (LinealError, OSError) as error:
        log.warning("log.not_signed", error=str(error))


async def _flush_at_close(runtime: Runtime) -> None:
    """Apply the effects that a command published, since perhaps no follower runs and the next
    command reads them."""
    try:
        async with asyncio.timeout(_FLUSH_SECONDS_AT_CLOSE):
            await runtime.flush_ledger()
    except (TimeoutError, BusUnavailable, StoreUnavailable) as error:
        log.warning("ledger.write_pending", error=str(error))
