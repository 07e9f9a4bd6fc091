"""Copies topics, dead letters, ledger, state and objects to another bus, store or bucket.

The source is only read. Each part can be repeated: what is at the target already is not copied
again, so a migration that was interrupted is simply run once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from hashlib import sha256

from lineal.backends import open_bus
from lineal.bus.protocol import Bus, Delivery, TopicInfo, TopicSettings, active_groups
from lineal.bus.topic_names import is_dead_letter_topic
from lineal.errors import LinealError, NotOffered
from lineal.lineage.ledger import Ledger, records_after
from lineal.lineage.projections import installed_projections
from lineal.lineage.topic import LINEAGE_TOPIC
from lineal.runtime import Runtime
from lineal.settings import Settings
from lineal.stages.pipeline.marks import UnmarkedEvent, check_mark
from lineal.store.connection import Connection
from lineal.store.copying import BROUGHT, CHANGING, LASTING, WATCHED, add_rows, equal_rows
from lineal.store.objects import reference
from lineal_schemas.envelope import RawEvent, now_us

_BATCH_SIZE = 500

LEFT_BEHIND = "events left behind, since nobody is known to have made them"
"""What is said of forged events."""
Progress = Callable[[str, int], None]
"""Called with what is being copied and how many more of it have been."""


class CannotMigrate(LinealError, RuntimeError):
    """Something has to be done first."""


async def migrate(
    source: Runtime, target: Runtime, progress: Progress, leave: Collection[str] = ()
) -> None:
    """Copy large objects, the store and the topics from one runtime to another.

    Args:
        leave: groups that may have events waiting, which they will not handle at the target.

    Raises:
        CannotMigrate: workers are still running, events wait to be handled, or the target holds
            another ledger.
    """
    # The lineage topic is on its way into the ledger, which is copied.
    infos = [info for info in await source.bus.topics() if info.topic != LINEAGE_TOPIC]
    await _at_rest(source, infos, leave)
    if source.settings.bus != target.settings.bus:
        await _outbox_empty(source)
    # What was settled last may still be on its way into the ledger.
    await source.flush_ledger()
    old, new = source.settings, target.settings
    other_folder = old.data != new.data
    if other_folder:
        # Before there are records that somebody else's key would sign.
        await asyncio.to_thread(_copy_key, old, new)
    await _copy_blobs(source, target, progress)
    if old.store != new.store or (new.store == "sqlite:" and other_folder):
        await _copy_store(source, target, progress)
    if other_folder:
        taken = partial(progress, WATCHED.label)
        await equal_rows(source.database, target.database, WATCHED, taken)
        await asyncio.to_thread(_copy_checkpoints, old, new)
    if old.bus != new.bus or (new.bus == "sqlite:" and other_folder):
        await _copy_topics(source, target, infos, progress)


def _copy_key(old: Settings, new: Settings) -> None:
    """The log continues under its name, signed with its key."""
    source, target = old.log.key_file(old.data), new.log.key_file(new.data)
    if source.exists() and not target.exists():
        shutil.copy2(source, target)  # with its mode


def _copy_checkpoints(old: Settings, new: Settings) -> None:
    source, target = (item.log.checkpoint_folder(item.data) for item in (old, new))
    if source.is_dir() and source != target:
        shutil.copytree(source, target, dirs_exist_ok=True)


async def _at_rest(source: Runtime, infos: Iterable[TopicInfo], leave: Collection[str]) -> None:
    working = active_groups(infos)
    if working:
        raise CannotMigrate(
            f"daemons still work on {', '.join(sorted(working))}: stop them, and all producers"
        )
    waiting = {group.group: 0 for info in infos for group in info.groups}
    if unknown := set(leave) - waiting.keys():
        raise CannotMigrate(f"there is no group {', '.join(sorted(unknown))} to leave")
    for info in infos:
        for group in info.groups:
            waiting[group.group] += group.lag
    if late := sorted(name for name, lag in waiting.items() if lag and name not in leave):
        groups = ", ".join(f"{name} ({waiting[name]})" for name in late)
        raise CannotMigrate(
            f"events still wait for {groups}: stop all producers, let `lineal run` or `lineal up` "
            "finish them, stop it, and migrate then. What nobody will ever handle is left behind "
            f"with {' '.join(f'--leave {name}' for name in late)}"
        )


async def _outbox_empty(source: Runtime) -> None:
    """Only workers on the bus that an output is for can publish it.

    Raises:
        CannotMigrate: some wait.
    """
    ((waiting,),) = await source.store.read(
        lambda c: c.execute("SELECT count(*) FROM outbox").fetchall()
    )
    if waiting:
        raise CannotMigrate(
            f"outputs still wait to be published on {source.settings.bus} ({waiting}): start their "
            "stages with `lineal run`, which publish them at once, stop them, and migrate then"
        )


async def _copy_blobs(source: Runtime, target: Runtime, progress: Progress) -> None:
    there = {digest async for digest in target.objects.large_digests()}
    async for digest in source.objects.large_digests():
        if digest not in there:
            path = await source.objects.path(reference(digest, 0, "application/octet-stream"))
            with path.open("rb") as file:
                await target.objects.put_file(file)
            progress("large objects", 1)


async def _copy_store(source: Runtime, target: Runtime, progress: Progress) -> None:
    last = await _copied_records(source, target)
    for table in LASTING:
        await add_rows(source.store, target.store, table, partial(progress, table.label))
    for table in CHANGING:
        await equal_rows(source.store, target.store, table, partial(progress, table.label))
    await _copy_ledger(source, target, last, partial(progress, "lineage records"))
    await equal_rows(source.store, target.store, BROUGHT, partial(progress, BROUGHT.label))
    for projection in installed_projections():
        if projection.copy is not None:
            count = partial(progress, projection.name)
            await projection.copy(source.store, target.store, target.objects, count)


async def _copied_records(source: Runtime, target: Runtime) -> int:
    """The number of the last record that the target has.

    Raises:
        CannotMigrate: it holds others than the source; nothing of it may be changed.
    """
    copied = await target.store.read(_last_record)
    if copied is None:
        return 0
    if copied != await source.store.read(partial(_record_at, copied[0])):
        raise CannotMigrate(
            "the target's ledger holds other records: migrate into an empty store, "
            "or one that an earlier migration of this source was interrupted in"
        )
    return copied[0]


async def _copy_ledger(
    source: Runtime, target: Runtime, last: int, progress: Callable[[int], None]
) -> None:
    """Append the source's records, with the same numbers and digests."""
    ledger = Ledger()
    while rows := await source.store.read(partial(_next_records, last)):
        last = rows[-1][0]
        records = []
        for _, digest, canonical in rows:
            if sha256(canonical).digest() != digest:
                raise CannotMigrate(f"record {digest.hex()} is not what its digest says")
            records.append(canonical)
        await target.store.write(partial(ledger.append_canonical, records=records))
        progress(len(records))


def _last_record(connection: Connection) -> tuple[int, bytes] | None:
    row = connection.execute("SELECT seq, digest FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else (row[0], bytes(row[1]))


def _record_at(seq: int, connection: Connection) -> tuple[int, bytes] | None:
    row = connection.execute("SELECT seq, digest FROM ledger WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else (row[0], bytes(row[1]))


def _next_records(last: int, connection: Connection) -> list[tuple[int, bytes, bytes]]:
    return records_after(connection, last, _BATCH_SIZE)


async def _copy_topics(
    source: Runtime, target: Runtime, infos: Sequence[TopicInfo], progress: Progress
) -> None:
    async with AsyncExitStack() as stack:
        unmarked = target.bus
        if source.marks is not None and target.marks is not None:
            unmarked = await open_bus(
                target.settings, target.database, target.store, target.objects, stack
            )
        for info in infos:
            await _copy_topic(source, target, unmarked, info, progress)
    # Behind the events: what was handled at the source is not to wait for the groups again.
    for info in infos:
        groups = [group.group for group in info.groups]
        await target.bus.create_topic(info.topic, groups=groups)


async def _copy_topic(
    source: Runtime, target: Runtime, unmarked: Bus, info: TopicInfo, progress: Progress
) -> None:
    settings = None  # a bus without partitions says nothing about how another one is to keep it
    if info.partitions:
        settings = TopicSettings(
            partitions=info.partitions, retention_seconds=info.retention_seconds
        )
    await target.bus.create_topic(info.topic, settings)
    if target.bus.capabilities.seek or is_dead_letter_topic(info.topic):
        # NotOffered: the source keeps no past of this topic; what there was is handled.
        with contextlib.suppress(NotOffered):
            await _copy_events(source, target, unmarked, info.topic, progress)
    if target.bus.capabilities.seek:
        for group in info.groups:
            await target.bus.seek(group.group, info.topic, offset=None, time=now_us())


async def _copy_events(
    source: Runtime, target: Runtime, unmarked: Bus, topic: str, progress: Progress
) -> None:
    """Publish what is missing, with a mark only what had a valid one: whoever wrote the rest to the
    source's broker is to pass for nobody at the target."""
    there = {delivery.event.id async for delivery in target.bus.read(topic)}
    missing: list[tuple[str, RawEvent]] = []
    ours = True

    async def publish() -> None:
        if missing:
            await (target.bus if ours else unmarked).publish(missing)
            progress("events" if ours else "events without a valid mark", len(missing))
            missing.clear()

    async for delivery in source.bus.read(topic):
        event = delivery.event
        if event.id in there:
            continue
        marked = source.marks is None or await source.marks.check(event)
        if not marked:
            event = event._replace(mark=None, actor=None)
            if target.marks is None and not await _open_to_others(source, delivery):
                progress(LEFT_BEHIND, 1)
                continue
        if marked is not ours or len(missing) == _BATCH_SIZE:
            await publish()
            ours = marked
        missing.append((topic, event))
    await publish()


async def _open_to_others(source: Runtime, delivery: Delivery) -> bool:
    """Whether an event without a valid mark is of a kind that others may send: on a bus without
    marks every other one would pass for a stage's."""
    assert source.marks is not None
    try:
        await check_mark(delivery, source.marks, source.broker_types)
    except UnmarkedEvent:
        return False
    return True
