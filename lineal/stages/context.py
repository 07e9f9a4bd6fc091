"""What a stage reads and writes through. Everything used is noted as it is used, so lineage is a
by-product of working."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from lineal.store.search import SearchPage
from lineal_schemas.objects import ObjectRef

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


class SearchIndex(Protocol):
    """The search index as a stage sees it: written in the step's own transaction."""

    def replace(self, document_id: str, pages: list[SearchPage], facets: dict[str, str]) -> None:
        """Make these the only entries of the document."""
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
