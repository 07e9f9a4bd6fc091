"""The rows of the store that hold something of a subject: memo, state, parts, timers, and others.

They are found by their keys, or by the subject in the event that they keep.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from lineal.effects.event_key import id_of_key
from lineal.erasure.references import References
from lineal.lineage.projections import installed_projections
from lineal.stages.discovery import with_subject_state
from lineal.store.connection import Connection
from lineal.store.memo import EnvelopeNames, unpack

_QUERY_SIZE = 400
_KEPT_EVENTS = {
    "fan_in_groups": ("fan-in parts", ("stage", "group_id", "part")),
    "timers": ("timers", ("stage", "name")),
    "dead_letters": ("dead letters", ("topic", "event_id")),
    "outbox": ("outbox", ("batch", "published")),
}
"""Tables whose rows keep an event, what they are called in a report, and their keys."""


def erase_rows(
    connection: Connection, references: References, *, dry: bool = False
) -> Counter[str]:
    """Delete the rows, in the caller's transaction; returns how many, by what they are.

    Args:
        dry: only count them.
    """
    counts: Counter[str] = Counter()
    counts["memo"] = _memo(connection, references, dry)
    counts["state"] = _state(connection, references, dry)
    for table, (name, keys) in _KEPT_EVENTS.items():
        counts[name] = _kept_events(connection, table, keys, references, dry)
    counts["waiting events"] = _by_event(connection, "waiting_events", references, dry)
    counts["delayed retries"] = _by_event(connection, "delayed_retries", references, dry)
    of_key = id_of_key(connection, "event_id")
    counts["claims"] = _by_event(connection, "claims", references, dry, of_key)
    for projection in installed_projections():
        if projection.erase is not None:
            counts[projection.name] += sum(
                projection.erase(connection, subject, dry) for subject in references.subjects
            )
    return +counts


def _memo(connection: Connection, references: References, dry: bool) -> int:
    found: dict[int, bytes] = {}
    for some in _parts(sorted(references.steps)):
        rows = connection.execute(
            f"SELECT id, outputs FROM memo WHERE step IN ({_marks(some)})", some
        )
        found.update({id: bytes(outputs) for id, outputs in rows.fetchall()})
    if any(isinstance(unpack(outputs), EnvelopeNames) for outputs in found.values()):
        # Their outputs stand under keys that only the event's attributes lead to.
        wanted = [name.encode() for name in references.subjects]
        every = connection.stream("SELECT id, outputs FROM memo")
        found |= {id: b"" for id, outputs in every if _mentions(bytes(outputs), wanted)}
    return _delete(connection, "memo", ("id",), [(id,) for id in found], dry)


def _state(connection: Connection, references: References, dry: bool) -> int:
    """Keys that name a subject, in the stages that handled its events; and what its events changed
    last, in stages that say that it is the subject's. What a stage keeps under other keys is of
    other events too."""
    found: set[tuple[str, str]] = set()
    event_id = id_of_key(connection, "event_id")
    for stage in sorted(with_subject_state(references.stages)):
        for some in _parts(sorted(references.events)):
            rows = connection.execute(
                f"SELECT name FROM state WHERE stage = ? AND {event_id} IN ({_marks(some)})",
                (stage, *some),
            )
            found.update((stage, key) for (key,) in rows.fetchall())
    for stage in sorted(references.stages):
        for name in references.names:
            rows = connection.execute(
                "SELECT name FROM state WHERE stage = ? AND name LIKE ?", (stage, f"%{name}%")
            )
            whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
            found.update((stage, key) for (key,) in rows.fetchall() if whole.search(key))
    return _delete(connection, "state", ("stage", "name"), sorted(found), dry)


def _kept_events(
    connection: Connection, table: str, keys: tuple[str, ...], references: References, dry: bool
) -> int:
    wanted = [name.encode() for name in references.subjects]
    rows = connection.execute(f"SELECT event, {', '.join(keys)} FROM {table}")
    found = [tuple(key) for event, *key in rows if _mentions(bytes(event), wanted)]
    return _delete(connection, table, keys, found, dry)


def _by_event(
    connection: Connection,
    table: str,
    references: References,
    dry: bool,
    event_id: str = "event_id",
) -> int:
    count = 0
    for some in _parts(sorted(references.events)):
        where = f"FROM {table} WHERE {event_id} IN ({_marks(some)})"
        if dry:
            count += connection.execute(f"SELECT count(*) {where}", some).fetchone()[0]
        else:
            count += connection.execute(f"DELETE {where}", some).rowcount
    return count


def _delete(
    connection: Connection, table: str, keys: Sequence[str], rows: Sequence[tuple[object, ...]],
    dry: bool,
) -> int:  # fmt: skip
    if rows and not dry:
        where = " AND ".join(f"{key} = ?" for key in keys)
        connection.executemany(f"DELETE FROM {table} WHERE {where}", rows)
    return len(rows)


def _mentions(data: bytes, wanted: Iterable[bytes]) -> bool:
    return any(name in data for name in wanted)


def _parts(items: Sequence[object]) -> Iterable[list[object]]:
    return (list(items[at : at + _QUERY_SIZE]) for at in range(0, len(items), _QUERY_SIZE))


def _marks(items: Sequence[object]) -> str:
    return ", ".join("?" * len(items))
