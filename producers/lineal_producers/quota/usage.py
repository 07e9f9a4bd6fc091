"""What an owner has: documents that are registered, and arrivals that are still on their way.

An arrival is added in the transaction that publishes it, and refused there when it is too much: so
two processes that take documents at once do not take more together than one may. What is registered
is counted again every few seconds, so that erased documents make room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

from lineal.effects.effect import Effect, register
from lineal.errors import LinealError
from lineal.lineage.projections import Projection
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from lineal_producers.quota.settings import QuotaSettings
from lineal_schemas.envelope import now_us

_FRESH_US = 10 * 1_000_000
"""For so long the count of what is registered holds."""
_LOST_US = 24 * 3600 * 1_000_000
"""An arrival that is not registered after so long never will be."""
_NOBODY = ""

_ARRIVALS = """
CREATE TABLE owner_arrivals (
    owner TEXT NOT NULL,
    document_id TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (owner, document_id)
) WITHOUT ROWID;
"""
_USAGE = """
CREATE TABLE owner_usage (
    owner TEXT PRIMARY KEY,
    documents INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
"""


class QuotaExceeded(LinealError):
    """An owner has as much as they may have; says how much that is."""


class Usage(NamedTuple):
    """What an owner has."""

    documents: int
    bytes: int


@dataclass(frozen=True, slots=True)
class OwnerArrival(Effect):
    """A document of an owner arrives. Applying it raises :class:`QuotaExceeded` if it is too
    much."""

    kind: ClassVar[str] = "quota.arrival"
    read_by_others: ClassVar[bool] = True

    owner: str
    """Empty for nobody."""
    document_id: str
    bytes: int
    at: int
    """Microseconds since the Unix epoch."""
    max_documents: int | None
    max_bytes: int | None


def arrival_effects(
    runtime: Runtime, owner: str | None, document_id: str, size: int
) -> list[Effect]:
    """What to note of an arrival where a quota asks for it."""
    quota = runtime.settings.section(QuotaSettings).of(owner)
    if not quota.limits:
        return []
    most = None if quota.mb is None else quota.mb << 20
    return [OwnerArrival(owner or _NOBODY, document_id, size, now_us(), quota.documents, most)]


async def check_quota(runtime: Runtime, owner: str | None, size: int) -> None:
    """Look whether a document has room before its bytes are stored.

    Raises:
        QuotaExceeded: it has not.
    """
    quota = runtime.settings.section(QuotaSettings).of(owner)
    if quota.limits:
        name, now = owner or _NOBODY, now_us()
        if await runtime.store.read(partial(_is_stale, owner=name, now=now)):
            await runtime.store.write(partial(_count, owner=name, now=now))
        used = await runtime.store.read(lambda c: usage_of(c, name, ""))
        _check(name, used, size, quota.documents, None if quota.mb is None else quota.mb << 20)


async def quota_problem(runtime: Runtime, owner: str | None, size: int) -> str | None:
    """Why a document has no room; None if it has."""
    try:
        await check_quota(runtime, owner, size)
    except QuotaExceeded as error:
        return str(error)
    return None


def usage_of(connection: Connection, owner: str, document_id: str) -> Usage:
    """What an owner has beside a document that arrives."""
    counted = connection.execute(
        "SELECT documents, bytes FROM owner_usage WHERE owner = ?", (owner,)
    ).fetchone() or (0, 0)
    coming = connection.execute(
        "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM owner_arrivals "
        "WHERE owner = ? AND document_id <> ?",
        (owner, document_id),
    ).fetchone()
    return Usage(counted[0] + coming[0], counted[1] + coming[1])


def _check(
    owner: str, used: Usage, size: int, max_documents: int | None, max_bytes: int | None
) -> None:
    who = owner or "nobody"
    advice = "erase some, or raise [quotas] in lineal.toml"
    if max_documents is not None and used.documents + 1 > max_documents:
        raise QuotaExceeded(
            f"the owner {who} has {used.documents} documents and may have {max_documents}: {advice}"
        )
    if max_bytes is not None and used.bytes + size > max_bytes:
        raise QuotaExceeded(
            f"the owner {who} has {used.bytes / 2**20:.1f} MB and may have {max_bytes >> 20} MB, "
            f"which leaves too little room for {size / 2**20:.1f} MB: {advice}"
        )


def _is_stale(connection: Connection, owner: str, now: int) -> bool:
    row = connection.execute("SELECT at FROM owner_usage WHERE owner = ?", (owner,)).fetchone()
    return row is None or not 0 <= now - row[0] < _FRESH_US


def _count(connection: Connection, owner: str, now: int) -> None:
    """Count what is registered, and forget arrivals that are."""
    if owner == _NOBODY:
        registered = "NOT EXISTS (SELECT 1 FROM ownership o WHERE o.document_id = r.document_id)"
        values: tuple[str, ...] = ()
    else:
        registered = "EXISTS (SELECT 1 FROM ownership o WHERE o.document_id = r.document_id "
        registered += "AND o.owner = ?)"
        values = (owner,)
    documents, size = connection.execute(
        "SELECT COUNT(*), COALESCE(SUM(r.bytes), 0) FROM registry r "
        f"WHERE r.sha256 IS NOT NULL AND {registered}",
        values,
    ).fetchone()
    connection.execute(
        "DELETE FROM owner_arrivals WHERE owner = ? AND (at < ? OR document_id IN "
        f"(SELECT r.document_id FROM registry r WHERE {registered}))",
        (owner, now - _LOST_US, *values),
    )
    connection.execute(
        "INSERT INTO owner_usage (owner, documents, bytes, at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (owner) DO UPDATE SET documents = excluded.documents, "
        "bytes = excluded.bytes, at = excluded.at",
        (owner, documents, size, now),
    )


def _apply(connection: Connection, arrivals: Sequence[OwnerArrival]) -> None:
    for item in arrivals:
        used = usage_of(connection, item.owner, item.document_id)
        owned = connection.execute(
            "SELECT 1 FROM ownership WHERE document_id = ? AND owner = ?",
            (item.document_id, item.owner),
        ).fetchone()
        if owned is not None:
            continue  # the same bytes again: they take no more room
        _check(item.owner, used, item.bytes, item.max_documents, item.max_bytes)
        connection.execute(
            "INSERT INTO owner_arrivals (owner, document_id, bytes, at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (item.owner, item.document_id, item.bytes, item.at),
        )


register(_apply, OwnerArrival)


def _erase(connection: Connection, subject: str, count_only: bool) -> int:
    """Rows of a document; and the counts, which hold names and are made again when asked for."""
    document_id = subject.removeprefix("document:")
    found: int = connection.execute(
        "SELECT COUNT(*) FROM owner_arrivals WHERE document_id = ?", (document_id,)
    ).fetchone()[0]
    if not count_only:
        connection.execute("DELETE FROM owner_arrivals WHERE document_id = ?", (document_id,))
        connection.execute("DELETE FROM owner_usage")
    return found


QUOTAS = Projection(
    "quotas",
    (
        Table("owner_arrivals", _ARRIVALS, from_records=False),
        Table("owner_usage", _USAGE, from_records=False),
    ),
    erase=_erase,
)
