"""The projection of photos: scores, heat maps, and what people said of them.

A record of kind ``inspect`` read a photo (role ``photo``) and a model (role ``model``), may have
made a heat map (role ``heat_map``), and has score and threshold among its attributes; one that was
skipped, for want of a model, has none of these but the photo, which waits: somebody has to say of
the first ones what they show. One of kind ``verify`` has the label that a person gave.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from lineal.erasure.erasures import KIND as KIND_OF_ERASURES
from lineal.errors import LinealError
from lineal.lineage.projections import Projection
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from lineal_catalog.documents.visibility import visible_to
from lineal_schemas.photos import PhotoLabel

PHOTO = "photo:"
"""Begins the subjects of photos; the rest is the photo's id."""


class UnknownPhoto(LinealError, LookupError):
    """No photo has this id, or several have an id that begins so."""


class PhotoInfo(NamedTuple):
    """What is known of a photo."""

    photo_id: str
    line: str
    piece: str
    """What it is a photo of; empty where that is not known."""
    score: float | None
    """None, and no threshold, while no model has scored it."""
    threshold: float | None
    sha256: str
    bytes: int
    media_type: str
    model: str
    """SHA-256 of the model that scored it; empty while none has."""
    heat_map: str
    """SHA-256 of the heat map; empty where none was drawn."""
    captured: int
    """Microseconds since the Unix epoch."""
    label: str
    """What a person said: ``normal`` or ``defect``; empty where nobody has said anything."""

    @property
    def found(self) -> PhotoLabel | None:
        """What the model says; None while none has scored it."""
        if self.score is None or self.threshold is None:
            return None
        return "defect" if self.score > self.threshold else "normal"


_COLUMNS = ", ".join(PhotoInfo._fields)
# Records of former versions say which piece.
_ALL = """(
    SELECT photo_id, line, COALESCE(named.piece, photos.piece) AS piece, score, threshold, sha256,
        bytes, media_type, model, heat_map, captured, label
    FROM photos LEFT JOIN photo_pieces AS named USING (photo_id)
    UNION ALL
    SELECT photo_id, line, COALESCE(named.piece, ''), CAST(NULL AS REAL), CAST(NULL AS REAL),
        sha256, bytes, media_type, '', '', captured, label
    FROM photos_waiting LEFT JOIN photo_pieces AS named USING (photo_id)
)"""
_TABLES = ("photos", "photos_waiting")


def _apply(connection: Connection, records: Sequence[RecordedStep]) -> None:
    for record in records:
        if not record.subject.startswith(PHOTO):
            continue
        photo_id = record.subject.removeprefix(PHOTO)
        if record.kind == KIND_OF_ERASURES:
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table} WHERE photo_id = ?", (photo_id,))
        elif record.outcome == "done" and record.kind == "verify":
            label = str(record.attributes.get("label", ""))
            for table in _TABLES:
                connection.execute(
                    f"UPDATE {table} SET label = ? WHERE photo_id = ?", (label, photo_id)
                )
        elif record.outcome == "done" and record.kind == "inspect":
            _scored(connection, photo_id, record)
        elif record.outcome == "skipped" and record.kind == "inspect":
            _waits(connection, photo_id, record)


def _waits(connection: Connection, photo_id: str, record: RecordedStep) -> None:
    photo = next((item for item in record.inputs if item.role == "photo"), None)
    said = record.attributes
    if photo is None or "line" not in said:
        return
    connection.execute(
        "INSERT INTO photos_waiting (photo_id, line, sha256, bytes, media_type, captured, label) "
        "SELECT ?, ?, ?, ?, ?, ?, ? "
        "WHERE NOT EXISTS (SELECT 1 FROM photos WHERE photo_id = ?) "
        "ON CONFLICT (photo_id) DO NOTHING",
        (
            photo_id, said["line"], photo.sha256, photo.bytes, photo.media_type, said["captured"],
            said.get("label", ""), photo_id,
        ),
    )  # fmt: skip


def _scored(connection: Connection, photo_id: str, record: RecordedStep) -> None:
    roles = {item.role: item for item in (*record.inputs, *record.outputs)}
    said = record.attributes
    if "photo" not in roles or "score" not in said:
        return
    photo = roles["photo"]
    before = connection.execute(
        "SELECT label FROM photos_waiting WHERE photo_id = ?", (photo_id,)
    ).fetchone()
    label = (before and before[0]) or said.get("label", "")
    connection.execute("DELETE FROM photos_waiting WHERE photo_id = ?", (photo_id,))
    connection.execute(
        f"INSERT INTO photos ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (photo_id) DO UPDATE SET score = excluded.score, "
        "threshold = excluded.threshold, model = excluded.model, heat_map = excluded.heat_map",
        (
            photo_id, said["line"], said.get("piece", ""),
            float(said["score"]), float(said["threshold"]),
            photo.sha256, photo.bytes, photo.media_type,
            roles["model"].sha256 if "model" in roles else "",
            roles["heat_map"].sha256 if "heat_map" in roles else "",
            said["captured"], label,
        ),
    )  # fmt: skip


def list_photos(
    connection: Connection, *, names: Collection[str] | None = None, line: str | None = None,
    defects: bool = False, unverified: bool = False, limit: int = 1000, offset: int = 0,
) -> list[PhotoInfo]:  # fmt: skip
    """The photos, the newest first.

    Args:
        names: those of who asks, who finds only what they may see; None: an owner.
    """
    visible, values = _visible(names)
    conditions: list[str] = [visible]
    if line is not None:
        conditions.append("line = ?")
        values.append(line)
    if defects:
        conditions.append("score > threshold")
    if unverified:
        conditions.append("label = ''")
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM {_ALL} AS photos WHERE {' AND '.join(conditions)} "
        "ORDER BY captured DESC, photo_id LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return [PhotoInfo(*row) for row in rows]


def lines_with_photos(connection: Connection) -> list[str]:
    """The lines of which there are photos."""
    lines = "SELECT line FROM photos UNION SELECT line FROM photos_waiting ORDER BY line"
    return [name for (name,) in connection.execute(lines)]


def _visible(names: Collection[str] | None) -> tuple[str, list[Any]]:
    """A condition and its parameters: most photos are documents too, whose access lists hold. Of
    one that was erased as a document only an owner sees what is left."""
    if names is None:
        return "1 = 1", []
    condition, values = visible_to("photos.photo_id", names)
    return (
        "((EXISTS (SELECT 1 FROM registry AS d WHERE d.document_id = photos.photo_id) "
        f"AND {condition}) OR NOT EXISTS (SELECT 1 FROM registry AS d "
        "WHERE d.document_id = photos.photo_id) AND NOT EXISTS (SELECT 1 FROM erasures AS e "
        "WHERE e.subject = 'document:' || photos.photo_id))"
    ), list(values)


def find_photo(
    connection: Connection, photo_id: str, *, names: Collection[str] | None = None
) -> PhotoInfo:
    """The photo whose id is this, or begins so.

    Args:
        names: as of :func:`list_photos`.

    Raises:
        UnknownPhoto: there is none, or there are several.
    """
    visible, values = _visible(names)
    found = [
        PhotoInfo(*row)
        for row in connection.execute(
            f"SELECT {_COLUMNS} FROM {_ALL} AS photos WHERE photo_id LIKE ? AND {visible} "
            "ORDER BY photo_id LIMIT 2",
            (f"{photo_id.replace('%', '').replace('_', '')}%", *values),
        )
    ]
    found = [photo for photo in found if photo.photo_id == photo_id] or found
    if not found:
        raise UnknownPhoto(f"there is no photo {photo_id!r}: `lineal photo list` lists them")
    if len(found) > 1:
        raise UnknownPhoto(f"several photos begin with {photo_id!r}")
    return found[0]


_PHOTOS = """
CREATE TABLE photos (
    photo_id TEXT NOT NULL PRIMARY KEY,
    line TEXT NOT NULL,
    piece TEXT NOT NULL,
    score REAL NOT NULL,
    threshold REAL NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    model TEXT NOT NULL,
    heat_map TEXT NOT NULL,
    captured INTEGER NOT NULL,
    label TEXT NOT NULL
) WITHOUT ROWID;
"""

_PHOTOS_WAITING = """
CREATE TABLE photos_waiting (
    photo_id TEXT NOT NULL PRIMARY KEY,
    line TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    captured INTEGER NOT NULL,
    label TEXT NOT NULL
) WITHOUT ROWID;
"""

PHOTOS = Projection(
    "photos",
    (Table("photos", _PHOTOS), Table("photos_waiting", _PHOTOS_WAITING)),
    _apply,
    kinds=frozenset(("inspect", "verify", KIND_OF_ERASURES)),
    parts_of_cause=(PHOTO,),
    ids_of_causes=("line:",),
)
