"""What a crawl keeps of the pages and images it has seen, so that the next one asks for changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar

from pydantic import BaseModel

from lineal.effects.effect import Effect, register
from lineal.lineage.projections import Projection
from lineal.lineage.rebuild import make_missing
from lineal.runtime import Runtime
from lineal.store import copying
from lineal.store.connection import Connection, Store
from lineal.store.derived_table import Table
from lineal.store.objects import ObjectStore
from lineal_schemas.diagrams import Appearance

Kind = Literal["run", "page", "image"]


class Validators(BaseModel):
    """By what a server tells that something has not changed (RFC 9110, 13.1)."""

    etag: str | None = None
    modified: str | None = None
    """``Last-Modified``, as it was sent."""

    def conditions(self) -> dict[str, str]:
        """The headers that ask for a newer version only."""
        asked = {}
        if self.etag:
            asked["If-None-Match"] = self.etag
        if self.modified:
            asked["If-Modified-Since"] = self.modified
        return asked


class RunEntry(BaseModel):
    """A crawl that has begun and not ended."""

    run: str


class PageEntry(BaseModel):
    """A page as it was read last."""

    run: str
    """The crawl that looked at it last."""
    validators: Validators = Validators()
    digest: str = ""
    links: tuple[str, ...] = ()
    images: tuple[tuple[str, Appearance], ...] = ()
    failed: int = 0
    """Crawls in a row that could not read it; not 0 only for a page that was never read."""


class ImageEntry(BaseModel):
    """An image as it was announced last."""

    run: str
    validators: Validators = Validators()
    sha256: str
    bytes: int
    media_type: str
    appearances: tuple[Appearance, ...]


@dataclass(frozen=True, slots=True)
class CrawlNoted(Effect):
    """What a crawl keeps of something; in one transaction with the event, where there is one."""

    kind: ClassVar[str] = "crawl.noted"
    read_by_others: ClassVar[bool] = False

    crawl: str
    what: str
    url: str
    entry: str | None
    """None: forget it."""


def _apply(connection: Connection, noted: Sequence[CrawlNoted]) -> None:
    for item in noted:
        key = (item.crawl, item.what, item.url)
        if item.entry is None:
            connection.execute("DELETE FROM crawled WHERE crawl = ? AND what = ? AND url = ?", key)
        else:
            connection.execute(
                "INSERT INTO crawled (crawl, what, url, entry) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (crawl, what, url) DO UPDATE SET entry = excluded.entry",
                (*key, item.entry),
            )


register(_apply, CrawlNoted)

_IMAGE = "image:"
_TABLE = """
CREATE TABLE crawled (
    crawl TEXT NOT NULL,
    what TEXT NOT NULL,
    url TEXT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (crawl, what, url)
) WITHOUT ROWID;
"""


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    table = copying.Table("crawled", "crawled pages", ("crawl", "what", "url"), ("entry",))
    await copying.equal_rows(source, target, table, progress)


def _erase(connection: Connection, subject: str, dry: bool) -> int:
    """What is kept of an image, and of the pages that show it, which say what stands beside it;
    the next crawl reads these again."""
    if not subject.startswith(_IMAGE):
        return 0
    url = subject.removeprefix(_IMAGE)
    rows = connection.execute(
        "SELECT crawl, what, url, entry FROM crawled WHERE what = 'page' OR url = ?", (url,)
    ).fetchall()
    found = [
        tuple(key)
        for *key, entry in rows
        if key[1] == "image"
        or any(image == url for image, _ in PageEntry.model_validate_json(entry).images)
    ]
    if not dry:
        connection.executemany(
            "DELETE FROM crawled WHERE crawl = ? AND what = ? AND url = ?", found
        )
    return len(found)


CRAWLED = Projection("crawled pages", (Table("crawled", _TABLE),), copy=_copy, erase=_erase)

E = TypeVar("E", bound=BaseModel)


async def prepare(runtime: Runtime) -> None:
    """Make the table in a store that an earlier lineal has made."""
    await runtime.store.write(make_missing)


async def entries(runtime: Runtime, crawl: str, what: Kind, kind: type[E]) -> dict[str, E]:
    """What is kept, by URL."""

    def ask(connection: Connection) -> dict[str, E]:
        rows = connection.execute(
            "SELECT url, entry FROM crawled WHERE crawl = ? AND what = ?", (crawl, what)
        )
        return {url: kind.model_validate_json(entry) for url, entry in rows}

    return await runtime.store.read(ask)
