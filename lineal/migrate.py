"""Moving house: everything one bus, store and object store hold, copied to others.

The source is only read. Each part can be repeated: what is at the target already is not copied
again, so a migration that was interrupted is simply run once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from typing import Any

from lineal.bus.protocol import Provisions, TopicInfo, TopicSettings
from lineal.forms import find_forms
from lineal.lineage.ledger import Ledger
from lineal.lineage.record import parse_record
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal.store.page_split import pages_to_index
from lineal.store.rows import insert_rows
from lineal.store.search import replace_document
from lineal_schemas.envelope import RawEvent, now_us

_AT_ONCE = 500

Progress = Callable[[str, int], None]
"""Called with what is being copied and how many more of it have been."""

_STEP_TABLES = {
    "objects": ("sha256", "data"),
    "memo": ("step", "outputs"),
    "claims": ("stage", "name", "event_id"),
    "gathering": ("stage", "whole", "part", "event"),
}
"""What is copied row by row, with the columns; the first ones identify a row."""
_IDENTITY = {"objects": 1, "memo": 1, "claims": 2, "gathering": 3}


class CannotMigrate(RuntimeError):
    """Something has to be done first."""


async def migrate(source: Runtime, target: Runtime, progress: Progress) -> None:
    """Copy large objects, the store and the topics from one runtime to another.

    Raises:
        CannotMigrate: workers are still running, events wait to be handled, or the target holds
            another ledger.
    """
    infos = await source.bus.topics()
    await _at_rest(source, infos)
    await _copy_blobs(source, target, progress)
    if target.store is not source.store:
        for table, columns in _STEP_TABLES.items():
            await _copy_rows(source, target, table, columns, partial(progress, table))
        await _copy_ledger(source, target, partial(progress, "lineage records"))
        await _copy_search(source, target, partial(progress, "documents in the search index"))
    for info in infos:
        await _copy_topic(source, target, info, partial(progress, "events"))
    if isinstance(target.bus, Provisions):
        for group, topics in _topics_by_group(infos).items():
            await target.bus.provision(group, topics)


async def _at_rest(source: Runtime, infos: Iterable[TopicInfo]) -> None:
    working = await source.bus.groups_at_work()
    if working:
        raise CannotMigrate(
            f"daemons still work on {', '.join(sorted(working))}: stop them, and all producers"
        )
    waiting = {group.group: group.lag for info in infos for group in info.groups if group.lag}
    if waiting:
        groups = ", ".join(f"{group} ({lag})" for group, lag in sorted(waiting.items()))
        raise CannotMigrate(
            f"events still wait for {groups}: stop all producers, let `lineal run` or `lineal up` "
            "finish them, stop it, and migrate then"
        )


def _topics_by_group(infos: Iterable[TopicInfo]) -> dict[str, list[str]]:
    read: dict[str, list[str]] = {}
    for info in infos:
        for group in info.groups:
            read.setdefault(group.group, []).append(info.topic)
    return read


async def _copy_blobs(source: Runtime, target: Runtime, progress: Progress) -> None:
    there = {digest async for digest in target.objects.large_digests()}
    async for digest in source.objects.large_digests():
        if digest not in there:
            path = await source.objects.path(reference(digest, 0, "application/octet-stream"))
            with path.open("rb") as file:
                await target.objects.put_file(file)
            progress("large objects", 1)


async def _copy_rows(
    source: Runtime,
    target: Runtime,
    table: str,
    columns: tuple[str, ...],
    progress: Callable[[int], None],
) -> None:
    """Copy a table in the order of what identifies its rows."""
    identity = columns[: _IDENTITY[table]]
    last: tuple[Any, ...] | None = None
    while True:
        rows = await source.store.read(partial(_rows_after, table, columns, identity, last))
        if not rows:
            return
        last = tuple(rows[-1][: len(identity)])
        head = f"INSERT INTO {table} ({', '.join(columns)})"
        tail = "ON CONFLICT DO NOTHING"
        progress(await target.store.write(partial(insert_rows, head=head, rows=rows, tail=tail)))


def _rows_after(
    table: str,
    columns: tuple[str, ...],
    identity: tuple[str, ...],
    last: tuple[Any, ...] | None,
    connection: Connection,
) -> list[Any]:
    order = ", ".join(identity)
    marks = ", ".join("?" * len(identity))
    after = "" if last is None else f"WHERE ({order}) > ({marks})"
    return connection.execute(
        f"SELECT {', '.join(columns)} FROM {table} {after} ORDER BY {order} LIMIT {_AT_ONCE}",
        last or (),
    ).fetchall()


async def _copy_ledger(source: Runtime, target: Runtime, progress: Callable[[int], None]) -> None:
    """Append the source's records, with the same numbers and digests."""
    copied = await target.store.read(_last_record)
    if copied is not None and copied != await source.store.read(partial(_record_at, copied[0])):
        raise CannotMigrate(
            "the target's ledger holds other records: migrate into an empty store, "
            "or one that an earlier migration of this source was interrupted in"
        )
    last = 0 if copied is None else copied[0]
    ledger = Ledger()
    while rows := await source.store.read(partial(_records_after, last)):
        last = rows[-1][0]
        records = []
        for _, digest, canonical in rows:
            record = parse_record(canonical)
            if record.canonical() != canonical or sha256(canonical).digest() != digest:
                raise CannotMigrate(f"record {digest.hex()} is not what its digest says")
            records.append(record)
        await target.store.write(partial(ledger.append, records=records))
        progress(len(records))


def _last_record(connection: Connection) -> tuple[int, bytes] | None:
    row = connection.execute("SELECT seq, digest FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else (row[0], bytes(row[1]))


def _record_at(seq: int, connection: Connection) -> tuple[int, bytes] | None:
    row = connection.execute("SELECT seq, digest FROM ledger WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else (row[0], bytes(row[1]))


def _records_after(last: int, connection: Connection) -> list[Any]:
    return connection.execute(
        f"SELECT seq, digest, record FROM ledger WHERE seq > ? ORDER BY seq LIMIT {_AT_ONCE}",
        (last,),
    ).fetchall()


async def _copy_search(source: Runtime, target: Runtime, progress: Callable[[int], None]) -> None:
    """Index each document's text anew: an index is a projection, and every store has its own."""
    indexed = await source.store.read(_facets)
    there = await target.store.read(_facets)
    for document_id, facets in indexed.items():
        if there.get(document_id) == facets:
            continue
        forms = await source.store.read(partial(find_forms, document_id=document_id))
        text = forms.get("text")
        if text is None:
            continue
        ref = reference(text.sha256, text.bytes, text.media_type)
        pages = pages_to_index((await target.objects.get(ref)).decode())
        write = partial(replace_document, document_id=document_id, pages=pages, facets=facets)
        await target.store.write(write)
        progress(1)


def _facets(connection: Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for document_id, key, value in connection.execute(
        "SELECT document_id, key, value FROM search_facets"
    ):
        found.setdefault(document_id, {})[key] = value
    return found


async def _copy_topic(
    source: Runtime, target: Runtime, info: TopicInfo, progress: Callable[[int], None]
) -> None:
    settings = TopicSettings(partitions=info.partitions, retention_seconds=info.retention_seconds)
    await target.bus.create_topic(info.topic, settings)
    if not target.bus.capabilities.seek:
        return  # a bus that keeps no past takes up with what comes next
    there = {delivery.event.id async for delivery in target.bus.read(info.topic)}
    missing: list[tuple[str, RawEvent]] = []

    async def publish() -> None:
        if missing:
            await target.bus.publish(missing)
            progress(len(missing))
            missing.clear()

    async for delivery in source.bus.read(info.topic):
        if delivery.event.id not in there:
            missing.append((info.topic, delivery.event))
        if len(missing) == _AT_ONCE:
            await publish()
    await publish()
    for group in info.groups:
        await target.bus.seek(group.group, info.topic, offset=None, time=now_us())
