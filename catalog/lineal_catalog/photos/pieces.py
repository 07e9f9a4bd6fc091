"""Which piece a photo is of: the effect of a photo that says so, and the table it is written to.

What a piece is called is anybody's text, and may name a person: it is in no record of the ledger,
of which nothing is ever taken out, and is deleted when the photo is erased.
"""

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
from lineal_catalog.photos.projection import PHOTO


@dataclass(frozen=True, slots=True)
class PhotoPiece(Effect):
    """A photo is of this piece."""

    kind: ClassVar[str] = "photo_piece"
    read_by_others: ClassVar[bool] = True

    photo_id: str
    piece: str


def _apply(connection: Connection, changes: Sequence[PhotoPiece]) -> None:
    for change in changes:
        connection.execute(
            "INSERT INTO photo_pieces (photo_id, piece) VALUES (?, ?) "
            "ON CONFLICT (photo_id) DO UPDATE SET piece = excluded.piece",
            (change.photo_id, change.piece),
        )


register(_apply, PhotoPiece)

_TABLE = """
CREATE TABLE photo_pieces (
    photo_id TEXT NOT NULL PRIMARY KEY,
    piece TEXT NOT NULL
) WITHOUT ROWID;
"""


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    table = copying.Table("photo_pieces", "photo_pieces", ("photo_id",), ("piece",))
    await copying.equal_rows(source, target, table, progress)


def _erase(connection: Connection, subject: str, dry: bool) -> int:
    if not subject.startswith(PHOTO):
        return 0
    photo_id = (subject.removeprefix(PHOTO),)
    row = connection.execute("SELECT count(*) FROM photo_pieces WHERE photo_id = ?", photo_id)
    count = int(row.fetchone()[0])
    if not dry:
        connection.execute("DELETE FROM photo_pieces WHERE photo_id = ?", photo_id)
    return count


PHOTO_PIECES = Projection(
    "photo_pieces", (Table("photo_pieces", _TABLE),), copy=_copy, erase=_erase
)
