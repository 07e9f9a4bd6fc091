"""Searches that people save under a name: addresses of a list, for themselves or for everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lineal.errors import LinealError
from lineal.lineage.projections import Projection
from lineal.store.connection import Connection, Store
from lineal.store.derived_table import Table
from lineal.store.objects import ObjectStore

_TABLE = """
CREATE TABLE saved_searches (
    page TEXT NOT NULL,
    actor TEXT NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    shared INTEGER NOT NULL,
    saved INTEGER NOT NULL,
    PRIMARY KEY (page, actor, name)
) WITHOUT ROWID;
"""


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    rows = await source.read(lambda c: c.execute("SELECT * FROM saved_searches").fetchall())
    marks = ", ".join("?" * len(rows[0])) if rows else ""

    def write(connection: Connection) -> None:
        connection.executemany(
            f"INSERT INTO saved_searches VALUES ({marks}) ON CONFLICT DO NOTHING",
            [tuple(row) for row in rows],
        )

    if rows:
        await target.write(write)
        progress(len(rows))


SAVED_SEARCHES = Projection(
    "saved searches",
    (Table("saved_searches", _TABLE, from_records=False),),
    copy=_copy,
    erasure="what people look for is theirs, and they delete it: it belongs to no document",
)
_MAX_NAME, _MAX_QUERY, _MAX_SAVED = 100, 2000, 200


class SavedSearch(NamedTuple):
    """A list that somebody wants to see again."""

    actor: str
    name: str
    query: str
    """What stands behind the question mark of the list's address."""
    shared: bool


class NotSaved(LinealError, ValueError):
    """A search that cannot be saved; says why."""


def list_searches(connection: Connection, page: str, actor: str) -> list[SavedSearch]:
    """One's own searches of a page and those that others share, by name."""
    rows = connection.execute(
        "SELECT actor, name, query, shared FROM saved_searches "
        "WHERE page = ? AND (actor = ? OR shared = 1) ORDER BY name, actor",
        (page, actor),
    )
    return [SavedSearch(owner, name, query, bool(shared)) for owner, name, query, shared in rows]


def save_search(connection: Connection, page: str, search: SavedSearch, now: int) -> None:
    """Save a search; one of the same name and person is replaced.

    Args:
        now: microseconds since the Unix epoch.

    Raises:
        NotSaved: it has no name, is too long, or there are too many.
    """
    if not search.name.strip() or len(search.name) > _MAX_NAME or len(search.query) > _MAX_QUERY:
        raise NotSaved(f"a saved search has a name of 1 to {_MAX_NAME} characters")
    (count,) = connection.execute(
        "SELECT count(*) FROM saved_searches WHERE actor = ?", (search.actor,)
    ).fetchone()
    if count >= _MAX_SAVED:
        raise NotSaved(f"{search.actor} has {_MAX_SAVED} saved searches: remove some first")
    connection.execute(
        "INSERT INTO saved_searches VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (page, actor, name) "
        "DO UPDATE SET query = excluded.query, shared = excluded.shared, saved = excluded.saved",
        (page, search.actor, search.name.strip(), search.query, int(search.shared), now),
    )


def remove_search(connection: Connection, page: str, actor: str, name: str) -> None:
    """Remove one of one's own searches; nothing happens where there is none."""
    connection.execute(
        "DELETE FROM saved_searches WHERE page = ? AND actor = ? AND name = ?", (page, actor, name)
    )
