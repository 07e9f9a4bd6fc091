"""A step in progress: its inputs, attributes, state changes and objects.

This is the :class:`~lineal.stages.context.Context` that stages get. What it collects becomes one
result: outputs, lineage record and effects, made durable together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lineal.access.acts import Act
from lineal.artifact_in_use import ArtifactInUse
from lineal.effects.claims import Claim
from lineal.effects.effect import Effect
from lineal.effects.event_key import event_key, is_event, occurrence_key
from lineal.effects.objects import ObjectPut
from lineal.former_names import FormerContext
from lineal.lineage.record import Artifact, Kind, UsedArtifact
from lineal.stages.claims import holder_of
from lineal.stages.envelope import Envelope, EnvelopeRead
from lineal.stages.handler_clock import HandlerClock
from lineal.stages.senders import require_sender
from lineal.stages.state import StepState
from lineal.stages.timers import StepTimers
from lineal.store.connection import Connection
from lineal.store.objects import SMALL_BYTES, ObjectStore, reference
from lineal.workers.costs import Cost
from lineal.workers.fair_queue import Caller
from lineal_schemas.envelope import RawEvent
from lineal_schemas.objects import ObjectRef

if TYPE_CHECKING:
    from lineal.bus.protocol import Position
    from lineal.stages.services import Services
    from lineal.stages.uncommitted import UncommittedChanges

R = TypeVar("R")


class Step(FormerContext):
    """See :class:`lineal.stages.context.Context`."""

    __slots__ = (
        "_caller", "_clock", "_event", "_make_each", "_memo", "_position", "_raws", "_services",
        "_small", "_uncommitted", "_uncommitted_of_all", "artifacts", "attributes", "config",
        "effects", "envelope_read", "failure", "in_use", "inputs", "kept_each", "kept_state",
        "kept_timers", "outputs", "record_kind", "skipped",
    )  # fmt: skip

    def __init__(
        self,
        caller: Caller,
        event: RawEvent,
        position: Position,
        config: Any,
        services: Services,
        *,
        events: Sequence[RawEvent],
        memo: bool,
        make_each: Callable[[], Sequence[Step]] | None = None,
        in_use: Mapping[str, ArtifactInUse | None] | None = None,
        uncommitted: Sequence[UncommittedChanges | None] = (None,),
    ) -> None:
        """``make_each`` makes the steps of the events of a batch; None: it is of one event, or of a
        group. ``uncommitted`` is that of the event, or of each of a batch."""
        self.config = config
        self._uncommitted = uncommitted[0]
        self._uncommitted_of_all = [changes for changes in uncommitted if changes is not None]
        self._caller = caller
        self._event = event
        self._position = position
        self._services = services
        self._raws = events
        self._memo = memo
        self._make_each = make_each
        self.kept_each: Sequence[Step] | None = None
        """Of a batch, the steps of its events, where the function has asked for them."""
        self.failure: Exception | None = None
        """Why this event of a batch has failed, whatever became of the others."""
        self.envelope_read: list[EnvelopeRead] = []
        """The envelope attributes that the step has read."""
        self.in_use = in_use or {}
        """The artifacts in use that the stage declares, as they were when the step began."""
        self.artifacts: list[UsedArtifact] = []
        """Others that the step looked up."""
        self.record_kind: Kind | None = None
        self.kept_state: StepState | None = None
        self.kept_timers: StepTimers | None = None
        self.inputs: list[Artifact] = []
        self.outputs: list[Artifact] = []
        self.effects: list[Effect] = []
        """But those of state and timers."""
        self.attributes: dict[str, int | str] = {}
        self.skipped: str | None = None
        """Why there was nothing to do."""
        self._small: dict[str, bytes] | None = None
        self._clock: HandlerClock | None = None

    @property
    def event(self) -> Envelope:
        if len(self._raws) != 1:
            raise TypeError(
                f"stage {self._caller.stage!r} is given {len(self._raws)} events at once: their "
                "attributes are those of ctx.events"
            )
        return Envelope(self._raws[0], self.envelope_read)

    @property
    def events(self) -> Sequence[Envelope]:
        return [Envelope(raw, self.envelope_read, place) for place, raw in enumerate(self._raws)]

    @property
    def each(self) -> Sequence[Step]:
        if self._make_each is None:
            raise TypeError(
                f"stage {self._caller.stage!r} asks for ctx.each, but is not given a list of events"
            )
        if self.kept_each is None:
            self.kept_each = self._make_each()
        return self.kept_each

    async def look_up(self, keys: Sequence[Sequence[str]]) -> None:
        unknown = [
            (step.state, step.state.unknown(some))
            for step, some in zip(self.each, keys, strict=True)
            if some
        ]
        rows = await self._services.state.rows_of(
            self._caller.stage, [key for _, some in unknown for key in some]
        )
        for state, some in unknown:
            state.note(some, rows)

    def fail(self, error: Exception) -> None:
        self.failure = error

    def take_from(self, batch: Step) -> None:
        """Take over what the step of the batch has read and made: it is that of each event."""
        self.inputs = [*batch.inputs, *(item for item in self.inputs if item not in batch.inputs)]
        self.outputs = [*batch.outputs, *(o for o in self.outputs if o not in batch.outputs)]
        self.artifacts = [
            *batch.artifacts, *(used for used in self.artifacts if used not in batch.artifacts)
        ]  # fmt: skip
        self.envelope_read = [*batch.envelope_read, *self.envelope_read]
        self.attributes = {**batch.attributes, **self.attributes}
        self.effects = [*batch.effects, *self.effects]
        self.record_kind = self.record_kind or batch.record_kind
        self.skipped = self.skipped or batch.skipped

    def now(self) -> int:
        if self._memo:
            raise TypeError(
                f"stage {self._caller.stage!r} reads the clock: declare it with memo=False"
            )
        return self._services.now()

    @property
    def objects(self) -> StepObjects:
        return StepObjects(self)

    @property
    def state(self) -> StepState:
        if self._memo:
            raise TypeError(f"stage {self._caller.stage!r} keeps state: declare it with memo=False")
        self._require_event_of_its_own("keeps state")
        if self.kept_state is None:
            self.kept_state = StepState(
                self._services.state,
                self._caller.stage,
                occurrence_key(self._event),
                self._position.text,
                self._uncommitted,
            )
        return self.kept_state

    @property
    def timers(self) -> StepTimers:
        if self._memo:
            raise TypeError(f"stage {self._caller.stage!r} sets timers: declare it with memo=False")
        self._require_event_of_its_own("sets timers")
        if self.kept_timers is None:
            self.kept_timers = StepTimers()
        return self.kept_timers

    def _require_event_of_its_own(self, act: str) -> None:
        if self._make_each is not None:
            raise TypeError(
                f"stage {self._caller.stage!r} {act}, which belongs to one event, but is given "
                "batches: take one payload, not a list, or that of each event (ctx.each)"
            )

    async def artifact(self, name: str) -> ArtifactInUse | None:
        if name in self.in_use:
            return self.in_use[name]
        if self._memo:
            raise TypeError(
                f"stage {self._caller.stage!r} uses the artifact {name!r}: declare it (in_use=)"
            )
        found = await self._services.artifacts.in_use(name)
        if found is not None and found.used not in self.artifacts:
            self.artifacts.append(found.used)
        return found

    async def query(self, question: Callable[[Connection], R]) -> R:
        if self._memo:
            raise TypeError(
                f"stage {self._caller.stage!r} asks the store: declare it with memo=False"
            )
        if self._uncommitted_of_all:
            with self.clock().task():  # an outage of the store is not the function's time
                for uncommitted in self._uncommitted_of_all:
                    await uncommitted.committed()
        return await self._services.store.read(question)

    async def require(self, act: Act) -> None:
        if self._memo:
            raise TypeError(
                f"stage {self._caller.stage!r} asks for a role: declare it with memo=False"
            )
        for event in self._raws:
            await require_sender(self._services.store, event, act)

    def add_effect(self, effect: Effect) -> None:
        self.effects.append(effect)

    async def claim(self, name: str) -> bool:
        stage, key = self._caller.stage, event_key(self._event)
        holder = None if self._uncommitted is None else self._uncommitted.holder(name)
        if holder is None:
            holder = await self._services.store.read(lambda c: holder_of(c, stage, name))
        if holder is None:
            self.effects.append(Claim(stage, name, key))
        return holder is None or is_event(holder, key)

    def annotate(self, **attributes: int | str) -> None:
        for name, value in attributes.items():
            if not isinstance(value, int | str):
                raise TypeError(
                    f"attribute {name!r} is {value!r}: attributes are integers and strings"
                )
        self.attributes.update(attributes)

    def skip(self, reason: str) -> None:
        self.skipped = reason

    async def call(self, name: str, function: Callable[..., Awaitable[R]], *args: Any) -> R:
        dependencies = self._services.dependencies
        return await dependencies.call(self._caller.stage, name, function, args, self.clock().task)

    async def run(
        self,
        function: Callable[..., R],
        *args: Any,
        seconds: float | None = None,
        cost: Cost | None = None,
    ) -> R:
        caller = self._caller
        if self._services.shares is not None:
            group = await self._services.shares.group_of(caller.correlation_id)
            caller = caller._replace(group=group)
        with self.clock().task() as begun:
            return await self._services.workers.run(
                function, *args, caller=caller, seconds=seconds, cost=cost, begun=begun
            )

    def clock(self) -> HandlerClock:
        """The time that the function has worked."""
        if self._clock is None:
            self._clock = HandlerClock()
        return self._clock

    @property
    def store(self) -> ObjectStore:
        return self._services.objects

    @property
    def small(self) -> dict[str, bytes]:
        """Objects put by this step that are written only when it is settled."""
        if self._small is None:
            self._small = {}
        return self._small


class StepObjects:
    """See :class:`lineal.stages.context.Objects`."""

    __slots__ = ("_step",)

    def __init__(self, step: Step) -> None:
        self._step = step

    async def get(self, ref: ObjectRef, role: str = "content") -> bytes:
        self._note_input(ref, role)
        pending = self._step.small.get(ref.sha256)
        return pending if pending is not None else await self._step.store.get(ref)

    async def path(self, ref: ObjectRef, role: str = "content") -> Path:
        self._note_input(ref, role)
        pending = self._step.small.get(ref.sha256)
        if pending is not None:
            await self._step.store.put_large(pending)
        return await self._step.store.path(ref)

    async def put(self, data: bytes, media_type: str, role: str) -> ObjectRef:
        digest = sha256(data).hexdigest()
        store = self._step.store
        if len(data) <= SMALL_BYTES:
            self._step.small[digest] = data
            self._step.effects.append(ObjectPut(data))
        else:
            await store.put_large(data)
        artifact = Artifact(digest, media_type, len(data), role)
        if artifact not in self._step.outputs:
            self._step.outputs.append(artifact)
        return reference(digest, len(data), media_type)

    def add_input(self, ref: ObjectRef, role: str) -> None:
        self._note_input(ref, role)

    def _note_input(self, ref: ObjectRef, role: str) -> None:
        artifact = Artifact(ref.sha256, ref.media_type, ref.bytes, role)
        if artifact not in self._step.inputs:
            self._step.inputs.append(artifact)
