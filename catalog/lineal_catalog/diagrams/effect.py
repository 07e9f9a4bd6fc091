"""The effect of finding a diagram, and the table it is written to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.lineage.projections import Projection
from lineal.store import copying
from lineal.store.connection import Connection, Store
from lineal.store.derived_table import Table
from lineal.store.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class DiagramEntry(Effect):
    """What an image is found by."""

    kind: ClassVar[str] = "diagram"
    read_by_others: ClassVar[bool] = True

    url: str
    found: str | None
    """A :class:`~lineal_schemas.diagrams.DiagramFound` as JSON; None: it is no diagram."""


def _apply(connection: Connection, changes: Sequence[DiagramEntry]) -> None:
    last = {change.url: change for change in changes}
    for change in last.values():
        if change.found is None:
            connection.execute("DELETE FROM diagrams WHERE url = ?", (change.url,))
        else:
            connection.execute(
                "INSERT INTO diagrams (url, found) VALUES (?, ?) "
                "ON CONFLICT (url) DO UPDATE SET found = excluded.found",
                (change.url, change.found),
            )


register(_apply, DiagramEntry)

_IMAGE = "image:"
_TABLE = """
CREATE TABLE diagrams (
    url TEXT NOT NULL PRIMARY KEY,
    found TEXT NOT NULL
) WITHOUT ROWID;
"""


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    await copying.equal_rows(
        source, target, copying.Table("diagrams", "diagrams", ("url",), ("found",)), progress
    )


def _erase(connection: Connection, subject: str, dry: bool) -> int:
    if not subject.startswith(_IMAGE):
        return 0
    url = subject.removeprefix(_IMAGE)
    row = connection.execute("SELECT count(*) FROM diagrams WHERE url = ?", (url,)).fetchone()
    if not dry:
        connection.execute("DELETE FROM diagrams WHERE url = ?", (url,))
    return int(row[0])


DIAGRAMS = Projection("diagrams", (Table("diagrams", _TABLE),), copy=_copy, erase=_erase)
