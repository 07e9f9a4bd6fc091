"""``Context``: what a stage reads and writes through; each use is recorded as lineage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar as DefaultedTypeVar

from lineal.access.acts import Act
from lineal.artifact_in_use import ArtifactInUse
from lineal.effects.effect import Effect
from lineal.former_names import FormerContext
from lineal.lineage.record import Kind
from lineal.stages.envelope import Envelope
from lineal.store.connection import Connection
from lineal.workers.costs import Cost
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload

T = TypeVar("T")
R = TypeVar("R")


class NoConfig(BaseModel):
    """The configuration of a stage that has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


C = DefaultedTypeVar("C", covariant=True, default=NoConfig)


class Objects(Protocol):
    """The object store as a stage sees it: reads become inputs of the step, writes its outputs."""

    async def get(self, ref: ObjectRef, role: str = "content") -> bytes:
        """The bytes of an object, checked against its digest.

        Raises:
            ObjectMissing: the object was erased or never written.
        """
        ...

    async def path(self, ref: ObjectRef, role: str = "content") -> Path:
        """A local read-only file with the object's bytes, to hand to a worker process."""
        ...

    async def put(self, data: bytes, media_type: str, role: str) -> ObjectRef:
        """Store bytes; they are durable, at the latest, when the step's outputs are."""
        ...

    def add_input(self, ref: ObjectRef, role: str) -> None:
        """Note an object as an input of the step without reading it: what the step is about."""
        ...


class State(Protocol):
    """What a stage keeps from event to event, written in the step's own transaction.

    An event that is handled again sees what was there before it. Needs a stage that is declared
    with ``memo=False``: one whose result follows from its input alone keeps no state. What is kept
    belongs to one event: a function that is given a list asks :attr:`Context.each`. A replay
    begins with none, and its changes go when it ends.
    """

    async def get(self, key: str, kind: type[T]) -> T | None:
        """The value of a key as a type: a pydantic model, ``int``, ``str``, ``bytes``, or whatever
        pydantic reads from JSON. None where there is none.

        Raises:
            pydantic.ValidationError: what is kept is not of this type.
        """
        ...

    async def put(self, key: str, value: object) -> None:
        """Change a key: to the JSON of a value, or to bytes as they are."""
        ...

    async def delete(self, key: str) -> None:
        """Remove a key, if it exists."""
        ...

    async def items(self, prefix: str, kind: type[T]) -> list[tuple[str, T]]:
        """All keys that begin so, with their values, in the order of the keys.

        Raises:
            pydantic.ValidationError: one of the values is not of this type.
        """
        ...


class Timers(Protocol):
    """Events a stage sends itself later; set and cancelled when the step is settled."""

    def set(self, name: str, due_us: int, payload: Payload) -> None:
        """Publish ``payload``, of a type the stage consumes, at a time in microseconds since the
        Unix epoch; at once if that is past. A timer of the same name is replaced. In a replay no
        timer is set."""
        ...

    def cancel(self, name: str) -> None:
        """Forget a timer, if there is one; its event may be on its way already."""
        ...


class Context(FormerContext, Protocol, Generic[C]):
    """Given to a handler with each event, batch, or group of parts."""

    @property
    def config(self) -> C:
        """The stage's configuration; its digest is part of the lineage."""
        ...

    @property
    def event(self) -> Envelope:
        """The attributes of the event. Each that is read is an input of the step, and outputs of a
        step that has read any are not remembered for other events of the same data.

        Raises:
            TypeError: the handler takes a list, so there are several (:attr:`events`).
        """
        ...

    @property
    def events(self) -> Sequence[Envelope]:
        """The attributes of each event of a batch, or each part of a group, in their order."""
        ...

    @property
    def each(self) -> Sequence[Context[C]]:
        """For a function that takes a list: the context of each event, in their order. State,
        timers, claims, attributes and ``skip`` are those of the one event; what is read through the
        context of the list is an input of all.

        Raises:
            TypeError: the function is not given a list of events.
        """
        ...

    async def look_up(self, keys: Sequence[Sequence[str]]) -> None:
        """For a function that takes a list: read keys of state for each event, in one query. What
        ``each[n].state.get`` finds of them later is the same, without one of its own."""
        ...

    def fail(self, error: Exception) -> None:
        """In the context of one event of a list: it has failed, as if the function had raised this
        for it alone. What the function returns for it does not count."""
        ...

    def now(self) -> int:
        """The time by the worker's clock, in microseconds since the Unix epoch. Needs a stage that
        is declared with ``memo=False``; a test can turn the clock (:mod:`lineal.testing`)."""
        ...

    @property
    def objects(self) -> Objects: ...

    @property
    def state(self) -> State: ...

    @property
    def timers(self) -> Timers: ...

    async def artifact(self, name: str) -> ArtifactInUse | None:
        """The artifact in use under a name, noted as used; None where there is none yet.

        A stage with a memo names it in its declaration (``in_use=``), so that another version is
        another step.
        """
        ...

    async def query(self, question: Callable[[Connection], R]) -> R:
        """Ask the store: what a projection, or an effect type of an installed package, keeps. The
        question gets a connection that cannot write. Needs a stage that is declared with
        ``memo=False``. On a bus that shares no transaction with the store projections may be
        behind what was committed."""
        ...

    async def require(self, act: Act) -> None:
        """Go on only if the sender of the event may do this now: by the credential that lineal was
        shown, never by what the event says. What a stage has sent it may. Needs a stage that is
        declared with ``memo=False``.

        Raises:
            SenderNotPermitted: they may not, or nobody knows who sent it; a dead letter.
        """
        ...

    def add_effect(self, effect: Effect) -> None:
        """Have an effect applied to the store when the step is settled: of a type that an
        installed package registers under the entry points ``lineal.effects``."""
        ...

    record_kind: Kind | None
    """The kind of this step in the lineage record: one lower-case word that a
    projection looks for. None: what the stage declares."""

    async def claim(self, name: str) -> bool:
        """Whether this event is the one that holds ``name`` in this stage: the first to claim it,
        the same event again included. The claim is kept when the step is settled."""
        ...

    def annotate(self, **attributes: int | str) -> None:
        """Put attributes into the lineage record, from which the metadata tables are made:
        ``pages``, ``language``. No personal data."""
        ...

    def skip(self, reason: str) -> None:
        """Say that there is nothing to do: the event brings nothing new, or is out of date. The
        record says so, with the reason (no personal data), and there may be no outputs; what was
        changed in the state until then stays. It does not end the handler: return
        after it."""
        ...

    async def call(self, name: str, function: Callable[..., Awaitable[R]], *args: Any) -> R:
        """Await an async function of arguments that calls something outside of lineal, which the
        stage declares under this name (``calls=``).

        The call waits for its turn where the dependency has a rate, stages in rotation; and for the
        circuit to close where it has not answered lately, then perhaps the function is called
        again. What is waited counts neither as an attempt nor for the handler's time limit.
        ``Reject`` and ``Retry`` are answers; any other exception is a failure of the dependency.

        Raises:
            CircuitOpen: it does not answer, and is declared or set to raise then.
            TimeoutError: it took longer than ``call_seconds``.
            Exception: whatever the function raised.
        """
        ...

    async def run(
        self,
        function: Callable[..., R],
        *args: Any,
        seconds: float | None = None,
        cost: Cost | None = None,
    ) -> R:
        """Call a top-level function in a worker process, under the memory limit and at most
        ``seconds`` long (None takes the setting).

        ``cost`` says what is known of its cost, and may limit its processor time: calls that are
        likely to be costly leave a worker to others.

        Raises:
            WorkerTimeout: it took longer and its process was killed.
            WorkerCrashed: its process died (a crash of the engine, or killed).
            Exception: whatever the function raised, ``Reject`` included.
        """
        ...
