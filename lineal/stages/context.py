"""What a stage reads and writes through. Everything used is noted as it is used, so lineage is a
by-product of working."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from lineal.lineage.record import Kind
from lineal.stages.trained_models import ModelInUse
from lineal.store.search import SearchPage
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload

C = TypeVar("C", covariant=True)
A = ParamSpec("A")
R = TypeVar("R")


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

    def mention(self, ref: ObjectRef, role: str) -> None:
        """Note an object as an input of the step without reading it: what the step is about."""
        ...


class SearchIndex(Protocol):
    """The search index as a stage sees it: written in the step's own transaction."""

    def replace(self, document_id: str, pages: list[SearchPage], facets: dict[str, str]) -> None:
        """Make these the only entries of the document."""
        ...


class State(Protocol):
    """What a stage keeps from event to event, written in the step's own transaction.

    An event that is handled again sees what was there before it. Needs a stage that is declared
    with ``memo=False``: one whose result follows from its input alone keeps no state. A replay
    begins with none, and its changes go when it ends.
    """

    async def get(self, key: str) -> bytes | None:
        """The value of a key; None where there is none."""
        ...

    async def put(self, key: str, value: bytes | None) -> None:
        """Change a key; None removes it."""
        ...

    async def items(self, prefix: str) -> list[tuple[str, bytes]]:
        """All keys that begin so, with their values, in the order of the keys."""
        ...


class Timers(Protocol):
    """Events a stage sends itself later; set and cancelled when the step is settled."""

    def set(self, name: str, due_us: int, payload: Payload) -> None:
        """Publish ``payload``, of a type the stage consumes, at a time in microseconds since the
        Unix epoch; at once if that is past. A timer of the same name is set anew. In a replay
        nothing is set."""
        ...

    def cancel(self, name: str) -> None:
        """Forget a timer, if there is one; its event may be on its way already."""
        ...


class Context(Protocol, Generic[C]):
    """Given to a stage with each event."""

    @property
    def config(self) -> C:
        """The stage's configuration; its digest is part of the lineage."""
        ...

    @property
    def objects(self) -> Objects: ...

    @property
    def search(self) -> SearchIndex: ...

    @property
    def state(self) -> State: ...

    @property
    def timers(self) -> Timers: ...

    async def model(self, name: str) -> ModelInUse | None:
        """The trained model in use under a name, noted as used; None where none was promoted yet.

        A stage with a memo names it in its declaration (``trained=``), so that another model is
        another step.
        """
        ...

    def record_as(self, kind: Kind) -> None:
        """Have the lineage record say what this step was: ``promote``, ``activate``, ..."""
        ...

    async def claim(self, name: str) -> bool:
        """Whether this event is the one that holds ``name`` in this stage: the first to claim it,
        the same event again included. The claim is kept when the step is settled."""
        ...

    def note(self, **facts: int | str) -> None:
        """Put facts into the lineage record, from which the metadata tables are made: ``pages``,
        ``kind``, ``language``. No personal data. ``status`` sets the document's status, but
        ``duplicate`` says that the event brought nothing new and leaves the status as it is."""
        ...

    async def run(self, function: Callable[..., R], *args: Any, seconds: float | None = None) -> R:
        """Call a top-level function in a worker process, under the memory limit and at most
        ``seconds`` long (None takes the setting).

        Raises:
            WorkerTimeout: it took longer and its process was killed.
            WorkerCrashed: its process died (a crash of the engine, or killed).
            Exception: whatever the function raised, ``Reject`` included.
        """
        ...
