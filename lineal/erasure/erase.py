"""Erases subjects: objects, events and rows go, and a record says so.

Everything is found before anything is deleted, and what it is found by goes last, with the record:
an erasure that was interrupted is run again, and ends the same.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from lineal.access.credential import Credential
from lineal.access.senders import read_acting_credential
from lineal.bus.embedded.erasing import (
    FoundEvents,
    erase_events,
    find_events,
    referenced_objects,
)
from lineal.effects.records import lineage_records
from lineal.erasure.broker_retention import broker_retention
from lineal.erasure.caused import CausedSubjects, find_caused
from lineal.erasure.erasures import KIND, Erasure, note_erasures
from lineal.erasure.references import (
    References,
    find_derived,
    find_references,
    referenced_by_others,
)
from lineal.erasure.rows import erase_rows
from lineal.errors import LinealError
from lineal.lineage.actor import this_worker
from lineal.lineage.projections import installed_projections
from lineal.lineage.record import StepEntry, record_of
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.database import Database
from lineal_schemas.envelope import now_us

MAX_REASON_CHARACTERS = 500
_EMPTY_LOG_ATTEMPTS = 20
_PAUSE_SECONDS = 0.25


class NoReason(LinealError, ValueError):
    """An erasure is recorded with its reason, which is missing or too long."""


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What is kept of subjects, and goes when they are erased."""

    references: References
    objects: frozenset[str]
    """SHA-256, hex, of those that nothing else refers to, and of copies of parts of them."""
    shared: frozenset[str]
    """Those that stay, since other subjects refer to them."""
    events: FoundEvents | None
    """Those of the embedded bus."""
    counts: Mapping[str, int]
    """How much there is, by place."""
    remains: tuple[str, ...]
    """What stays elsewhere, and until when, in words."""


async def plan_erasure(
    runtime: Runtime, subjects: Sequence[str], *, also_erased: Sequence[str] = ()
) -> ErasurePlan:
    """Look for everything that is kept of subjects, and of those that are parts of them.

    Args:
        also_erased: subjects that are erased by other plans: what only they refer to need not stay.

    Raises:
        BusUnavailable, StoreUnavailable
    """
    await runtime.flush_ledger()
    references, caused = await _with_parts(runtime, subjects, also_erased)
    subjects = references.subjects
    events = None
    if (embedded := runtime.embedded_bus) is not None:
        events = await embedded.database.read(lambda c: find_events(c, subjects))
        found = events
        references.digests |= await embedded.database.read(lambda c: referenced_objects(c, found))
    stored = await runtime.objects.existing(references.digests)
    shared = await runtime.store.read(
        lambda connection: referenced_by_others(connection, stored, {*subjects, *also_erased})
    )
    gone = stored - shared
    alone = references.digests - shared  # also what an erasure that was killed has deleted
    derived = await runtime.store.read(
        lambda connection: find_derived(connection, alone, {*subjects, *also_erased})
    )
    gone |= await runtime.objects.existing(derived.copies)
    counts = Counter({"objects": len(gone)})
    counts += await runtime.store.read(partial(erase_rows, references=references, dry=True))
    remains = []
    if events is not None:
        counts["events"] = len(events.positions)
    else:
        remains = broker_retention(
            runtime.settings.bus, await runtime.bus.topics(), datetime.now(UTC)
        )
    if shared:
        objects = "1 object" if len(shared) == 1 else f"{len(shared)} objects"
        remains.append(f"{objects} that others refer to")
    for subject, kinds in sorted(derived.subjects.items()):
        remains.append(
            f"what {subject} has made of it ({', '.join(kinds)}): `lineal erase --subject "
            f"{subject}` if nothing of it may stay"
        )
    for subject, types in caused.others.items():
        if subject not in derived.subjects:
            remains.append(
                f"events of {subject} that its steps have caused ({', '.join(types)}): `lineal "
                f"erase --subject {subject}` if nothing of them may stay"
            )
    return ErasurePlan(
        references, frozenset(gone), frozenset(shared), events, +counts, tuple(remains)
    )


async def _with_parts(
    runtime: Runtime, subjects: Sequence[str], also_erased: Sequence[str]
) -> tuple[References, CausedSubjects]:
    """What is known of subjects and of their parts, and what else they have caused."""
    names = tuple(subjects)
    while True:
        references = await runtime.store.read(partial(find_references, subjects=names))
        caused = await find_caused(runtime, references, {*names, *also_erased})
        if not caused.parts:
            return references, caused
        names = (*names, *sorted(caused.parts))


def _erase_and_note(
    references: References, erasures: Sequence[Erasure], connection: Connection
) -> Counter[str]:
    """Workers that a broker hands an event of before know from now on, and not only when the record
    has come into the store, that its subject was erased."""
    counts = erase_rows(connection, references)
    note_erasures(connection, erasures)
    return counts


async def erase(
    runtime: Runtime, plan: ErasurePlan, reason: str, *, by: Credential | None = None
) -> Counter[str]:
    """Erase what was planned, and record it; returns how much there was, by place.

    Call :func:`overwrite` after the last erasure: until then free pages and the write-ahead log may
    hold what was deleted.

    Args:
        reason: why; it is kept in the ledger for ever, so it names no person.
        by: who erases; None: the owner of the data folder.

    Raises:
        NotPermitted: they may not.
        NoReason
        BusUnavailable, StoreUnavailable: run it again.
    """
    by = by or await read_acting_credential(runtime.store)
    by.require("erase")
    if not reason.strip() or len(reason) > MAX_REASON_CHARACTERS:
        raise NoReason(f"give a reason of 1 to {MAX_REASON_CHARACTERS} characters")
    references = plan.references
    counts: Counter[str] = Counter()
    counts["objects"] = await runtime.objects.delete(plan.objects)
    if (events := plan.events) is not None:
        counts["events"] = await runtime.database.write(
            lambda connection: erase_events(connection, references.subjects, events)
        )
    started = now_us()
    noted = [Erasure(name, started, by.actor, reason.strip()) for name in references.subjects]
    counts += await runtime.store.write(partial(_erase_and_note, references, noted))
    attributes = {name.replace(" ", "_").replace("-", "_"): n for name, n in counts.items() if n}
    records = [
        record_of(
            StepEntry(
                subject, started, kind=KIND, reason=reason.strip(),
                attributes=attributes if number == 0 else {"together_with": references.subjects[0]},
            ),
            build=None, actor=by.actor, worker=this_worker(),
        )
        for number, subject in enumerate(references.subjects)
    ]  # fmt: skip
    await runtime.committer.publish((), lineage_records(records))
    await runtime.flush_ledger()
    return +counts


async def overwrite(runtime: Runtime, *, rewrite: bool = False) -> list[str]:
    """Overwrite what deleting leaves behind: in the search index, free pages, the write-ahead log.

    Args:
        rewrite: also rewrite the database file, whatever the size.

    Returns:
        What could not be overwritten, in words.
    """
    await runtime.store.write(_purge)
    remains = []
    for database in {id(each): each for each in (runtime.database, runtime.store)}.values():
        if isinstance(database, Database) and not await _empty_log(database, rewrite):
            remains.append(
                "the write-ahead log, while another process reads an older state of the database: "
                "run `lineal erase` again when it is done"
            )
        elif not isinstance(database, Database):
            remains += await _vacuum_postgres(runtime, rewrite)
    return remains


def _purge(connection: Connection) -> None:
    for projection in installed_projections():
        if projection.purge is not None:
            projection.purge(connection)


async def _empty_log(database: Database, rewrite: bool) -> bool:
    for _ in range(_EMPTY_LOG_ATTEMPTS):
        if await asyncio.to_thread(database.empty_log, rewrite=rewrite):
            return True
        rewrite = False
        await asyncio.sleep(_PAUSE_SECONDS)
    return False


async def _vacuum_postgres(runtime: Runtime, rewrite: bool) -> list[str]:
    from lineal.store.postgres.vacuum import vacuum

    skipped = await asyncio.to_thread(vacuum, runtime.settings.store, full=rewrite)
    files = "" if rewrite else "in the free room of its files (`--rewrite` writes them anew), "
    remains = [
        f"what Postgres keeps {files}in its write-ahead log and in backups, until these are "
        "recycled"
    ]
    if skipped:
        remains.append(
            f"what was deleted from {', '.join(skipped)}, and samples of it in pg_stats: this user "
            "may not vacuum them; have their owner run `VACUUM (FULL, ANALYZE)`"
        )
    return remains
