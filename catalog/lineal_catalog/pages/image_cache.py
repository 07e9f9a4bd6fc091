"""The cache of page images: objects that can be made again, with a row for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lineal.erasure.references import referenced_by_others
from lineal.lineage.projections import Projection
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from lineal_catalog.documents.projection import DOCUMENT

_PAGE_IMAGES = """
CREATE TABLE page_images (
    document_id TEXT NOT NULL,
    page INTEGER NOT NULL,
    form TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    made_after INTEGER NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (document_id, page, form)
) WITHOUT ROWID;
CREATE INDEX page_images_by_use ON page_images (used);
"""
_KEPT_PART = 0.8
"""Of the limit, when it is exceeded: not every image evicts another one."""
_USED_SECONDS = 600
"""A use is noted at most so often: reading does not write."""


class CachedImage(NamedTuple):
    """An image in the object store."""

    sha256: str
    bytes: int
    width: int
    height: int


def cached_image(
    connection: Connection, document_id: str, page: int, form: str, *, made_after: int
) -> tuple[CachedImage, int] | None:
    """The image of a page in some form and when it was used last, unless the document has changed.

    Args:
        made_after: when the document's status changed last.
    """
    row = connection.execute(
        "SELECT sha256, bytes, width, height, used FROM page_images "
        "WHERE document_id = ? AND page = ? AND form = ? AND made_after = ?",
        (document_id, page, form, made_after),
    ).fetchone()
    return None if row is None else (CachedImage(*row[:4]), row[4])


def is_use_to_note(used: int, now: int) -> bool:
    """Whether the last use, in microseconds since the Unix epoch, was noted long ago."""
    return now - used > _USED_SECONDS * 1_000_000


def note_use(connection: Connection, document_id: str, page: int, form: str, now: int) -> None:
    """Note that an image was used."""
    connection.execute(
        "UPDATE page_images SET used = ? WHERE document_id = ? AND page = ? AND form = ?",
        (now, document_id, page, form),
    )


def add_image(
    connection: Connection,
    document_id: str,
    page: int,
    form: str,
    image: CachedImage,
    *,
    made_after: int,
    now: int,
    max_bytes: int,
) -> list[str]:
    """Note an image that was stored; returns the digests of objects that nothing needs any more.

    These are the image itself where the document was erased meanwhile, and what was not used for
    longest where all take more than ``max_bytes``.
    """
    there = connection.execute(
        "SELECT 1 FROM registry WHERE document_id = ?", (document_id,)
    ).fetchone()
    if there is None:
        return _not_needed(connection, [image.sha256])
    replaced = connection.execute(
        "SELECT sha256 FROM page_images WHERE document_id = ? AND page = ? AND form = ?",
        (document_id, page, form),
    ).fetchall()
    connection.execute(
        "INSERT INTO page_images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (document_id, page, form) DO UPDATE SET sha256 = excluded.sha256, "
        "bytes = excluded.bytes, width = excluded.width, height = excluded.height, "
        "made_after = excluded.made_after, used = excluded.used",
        (document_id, page, form, *image, made_after, now),
    )
    gone = [sha256 for (sha256,) in replaced]
    gone += _evict(connection, max_bytes)
    return _not_needed(connection, gone)


def _evict(connection: Connection, max_bytes: int) -> list[str]:
    (total,) = connection.execute("SELECT coalesce(sum(bytes), 0) FROM page_images").fetchone()
    if total <= max_bytes:
        return []
    gone = []
    oldest = connection.execute(
        "SELECT document_id, page, form, sha256, bytes FROM page_images ORDER BY used"
    ).fetchall()
    for document_id, page, form, sha256, size in oldest:
        if total <= max_bytes * _KEPT_PART:
            break
        connection.execute(
            "DELETE FROM page_images WHERE document_id = ? AND page = ? AND form = ?",
            (document_id, page, form),
        )
        total -= size
        gone.append(sha256)
    return gone


def _not_needed(connection: Connection, digests: Sequence[str]) -> list[str]:
    """Those that no other image has, nor any step read or made: a picture of the right size may be
    its own image."""
    mine = [
        sha256
        for sha256 in dict.fromkeys(digests)
        if connection.execute(
            "SELECT 1 FROM page_images WHERE sha256 = ? UNION ALL "
            "SELECT 1 FROM registry WHERE sha256 = ? LIMIT 1",
            (sha256, sha256),
        ).fetchone()
        is None
    ]
    used = referenced_by_others(connection, mine, set())
    return [sha256 for sha256 in mine if sha256 not in used]


def _objects(connection: Connection, subject: str) -> list[str]:
    rows = connection.execute(
        "SELECT sha256 FROM page_images WHERE document_id = ?", (subject.removeprefix(DOCUMENT),)
    )
    return [sha256 for (sha256,) in rows.fetchall()]


def _erase(connection: Connection, subject: str, dry: bool) -> int:
    where = "FROM page_images WHERE document_id = ?"
    document_id = subject.removeprefix(DOCUMENT)
    count = connection.execute(f"SELECT count(*) {where}", (document_id,)).fetchone()[0]
    if not dry:
        connection.execute(f"DELETE {where}", (document_id,))
    return int(count)


PAGE_IMAGES = Projection(
    "page_images",
    (Table("page_images", _PAGE_IMAGES, from_records=False),),
    erase=_erase,
    objects=_objects,
    cache=True,
)
