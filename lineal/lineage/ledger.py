"""The ledger in the store: appends records and answers queries from an index."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from hashlib import sha256

from lineal.errors import StoreDamaged
from lineal.lineage.builds import artifacts_text, build_id, build_row
from lineal.lineage.canonical import (
    canonical_bytes,
    events_in_of,
    parse_record,
    steps_with_artifact,
    subject_entries,
)
from lineal.lineage.event_keys import event_key, event_keys
from lineal.lineage.projections import project, projected
from lineal.lineage.record import Build, Record, RecordedStep, merge_records
from lineal.store.connection import Connection
from lineal.store.key_index import (
    KEY_BYTES,
    add_entries,
    find_numbers,
    index_entries,
    subject_key,
    text_key,
)
from lineal.store.rows import insert_rows

_MAX_SEQ = (1 << 63) - 1
_READ_BATCH_SIZE = 500
_NEWEST_BATCH_SIZE = 20
_COMPRESSION = 1
"""zlib's: most of a record is digests, of which no level makes less than another."""
_JSON = b"{"[0]
_INVERTED = bytes(range(255, -1, -1))


_KEY_DIGITS = 2 * KEY_BYTES


def _read_key(sha256_hex: str) -> bytes:
    return bytes.fromhex(sha256_hex[:_KEY_DIGITS])


def _made_key(sha256_hex: str) -> bytes:
    # Another one, so that a file that millions of steps read leads to the one that made it.
    return _read_key(sha256_hex).translate(_INVERTED)


class Ledger:
    """Appends records and brings the metadata tables up to date, in the caller's transaction."""

    def append(self, connection: Connection, records: Sequence[Record]) -> None:
        """Append records; adjacent ones of the same build, actor and worker become one."""
        merged = merge_records(records)
        _append(connection, [(record, canonical_bytes(record)) for record in merged])

    def append_with_bytes(
        self, connection: Connection, records: Sequence[tuple[Record, bytes]]
    ) -> None:
        """Append records given with their canonical bytes, as they are."""
        _append(connection, records)

    def append_canonical(self, connection: Connection, records: Sequence[bytes]) -> None:
        """Append records that are given as canonical bytes.

        Raises:
            ValueError: one is of a later version.
        """
        _append(connection, [(parse_record(canonical), canonical) for canonical in records])


def _append(connection: Connection, records: Sequence[tuple[Record, bytes]]) -> None:
    connection.dialect.lock_ledger(connection)
    row = connection.execute("SELECT coalesce(max(seq), 0) FROM ledger").fetchone()
    seq: int = row[0]
    # Not kept for the next call: a transaction that is undone takes the rows along.
    builds: dict[Build, int] = {}
    rows = []
    entries: list[bytes] = []
    for record, canonical in records:
        seq += 1
        build = None if record.build is None else build_id(connection, record.build, builds)
        compressed = zlib.compress(canonical, _COMPRESSION)
        rows.append((seq, build, sha256(canonical).digest(), compressed))
        entries.append(index_entries(record_keys(record), seq))
    insert_rows(connection, "INSERT INTO ledger", rows)
    add_entries(connection, entries)
    kinds, subjects = projected()
    steps = [
        RecordedStep(record.build, record.actor, record.worker, entry)
        for record, _ in records
        for entry in record.steps
        if entry.kind in kinds or entry.subject.startswith(subjects)
    ]
    if steps:
        project(connection, steps)


def put_record(connection: Connection, seq: int, canonical: bytes) -> None:
    """Put a record back that the ledger has lost; the index, and what follows from records, is to
    be made again.

    Raises:
        ValueError: it is of a later version.
    """
    build = parse_record(canonical).build
    number = None if build is None else build_id(connection, build, {})
    row = (seq, number, sha256(canonical).digest(), zlib.compress(canonical, _COMPRESSION))
    insert_rows(connection, "INSERT INTO ledger", [row])


def record_keys(record: Record) -> set[bytes]:
    """What leads to a record in the index: its subjects, the bytes that it read and made, its
    events, and its actor."""
    keys = {subject_key(subject) for subject in {entry.subject for entry in record.steps}}
    read = [item.sha256[:_KEY_DIGITS] for entry in record.steps for item in entry.inputs]
    made = [item.sha256[:_KEY_DIGITS] for entry in record.steps for item in entry.outputs]
    keys.update(_cut(bytes.fromhex("".join(read))))
    keys.update(_cut(bytes.fromhex("".join(made)).translate(_INVERTED)))
    keys.update(event_keys(record))
    if _acts_itself(record):
        keys.add(text_key(_ACTOR + record.actor))
    return keys


_ACTOR = "actor\n"
_STAGE = "stage:"


def _acts_itself(record: Record) -> bool:
    """Whether its actor is not simply the stage of its build, by which it is found as well."""
    return record.build is None or record.actor != _STAGE + record.build.stage


def _cut(keys: bytes) -> Iterator[bytes]:
    return (keys[begin : begin + KEY_BYTES] for begin in range(0, len(keys), KEY_BYTES))


def stored_bytes(kept: bytes) -> bytes:
    """A record's canonical bytes, from what the table keeps.

    Raises:
        StoreDamaged: they cannot be unpacked.
    """
    try:
        return kept if kept[0] == _JSON else zlib.decompress(kept)
    except (zlib.error, IndexError) as error:
        message = "a record of the ledger is damaged: `lineal verify` says which, `lineal salvage`"
        raise StoreDamaged(f"{message} saves the others") from error


def records_of_event(connection: Connection, event_id: str) -> Iterator[tuple[int, bytes]]:
    """The records with steps that handled or emitted an event: their numbers and canonical bytes.
    A few may have none: an index of hashes leads to them."""
    return _with_key(connection, event_key(event_id))


def steps_of_event(connection: Connection, event_id: str) -> list[RecordedStep]:
    """The steps that handled or emitted an event, in their order."""
    return [
        step
        for _, canonical in records_of_event(connection, event_id)
        for step in parse_record(canonical).recorded()
        if event_id in step.events_in or event_id in step.events_out
    ]


def steps_of_subject(connection: Connection, subject: str) -> list[RecordedStep]:
    """The steps that are about a subject, in their order."""
    found = _with_key(connection, subject_key(subject))
    return [step for _, canonical in found for step in subject_entries(canonical, subject)]


def newest_steps_of_subject(
    connection: Connection, subject: str, records: int
) -> Iterator[RecordedStep]:
    """The steps that are about a subject, the newest first, of so many records at most."""
    numbers = find_numbers(connection, text_key(subject))[-records:]
    for end in range(len(numbers), 0, -_NEWEST_BATCH_SIZE):
        found = _with_numbers(connection, numbers[max(0, end - _NEWEST_BATCH_SIZE) : end])
        for _, canonical in reversed(found):
            yield from reversed(list(subject_entries(canonical, subject)))


def newest_records_of_subject(connection: Connection, subject: str) -> Iterator[tuple[int, bytes]]:
    """The records that have steps about a subject, the newest first: their numbers and canonical
    bytes."""
    numbers = find_numbers(connection, text_key(subject))
    for end in range(len(numbers), 0, -_NEWEST_BATCH_SIZE):
        found = _with_numbers(connection, numbers[max(0, end - _NEWEST_BATCH_SIZE) : end])
        for seq, canonical in reversed(found):
            if subject_entries(canonical, subject):
                yield seq, canonical


def records_of_subject(
    connection: Connection, subject: str, newest: int | None = None
) -> list[tuple[int, bytes]]:
    """The records that have steps about a subject: their numbers and canonical bytes; only the
    ``newest``, of a subject that has very many."""
    found = _with_key(connection, subject_key(subject), newest)
    return [(seq, canonical) for seq, canonical in found if subject_entries(canonical, subject)]


def lost_records(connection: Connection, subject: str) -> list[int]:
    """Numbers of records that the index names for a subject and the ledger does not have."""
    numbers = find_numbers(connection, subject_key(subject))
    there: set[int] = set()
    for begin in range(0, len(numbers), _READ_BATCH_SIZE):
        asked = numbers[begin : begin + _READ_BATCH_SIZE]
        rows = connection.execute(
            f"SELECT seq FROM ledger WHERE seq IN ({', '.join('?' * len(asked))})", asked
        )
        there.update(seq for (seq,) in rows.fetchall())
    return sorted(set(numbers) - there)


def steps_of_artifact(connection: Connection, sha256_hex: str, *, made: bool) -> list[RecordedStep]:
    """The steps that made (or, with ``made=False``, read) the bytes with this digest."""
    return list(stream_steps_of_artifact(connection, sha256_hex, made=made))


def stream_steps_of_artifact(
    connection: Connection, sha256_hex: str, *, made: bool
) -> Iterator[RecordedStep]:
    """The same one by one, for who needs not all of them."""
    found = _with_key(connection, _made_key(sha256_hex) if made else _read_key(sha256_hex))
    for _, canonical in found:
        yield from steps_with_artifact(canonical, sha256_hex, made=made)


def records_of_output(connection: Connection, sha256_hex: str) -> list[tuple[int, bytes]]:
    """The records that have steps which made these bytes: their numbers and canonical bytes."""
    found = _with_key(connection, _made_key(sha256_hex))
    return [
        (seq, canonical)
        for seq, canonical in found
        if steps_with_artifact(canonical, sha256_hex, made=True)
    ]


def _with_key(
    connection: Connection, key: bytes, newest: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """Records that a key leads to, in their order, with their numbers; all, or the newest. Not all
    need have it: see :func:`find_numbers`."""
    numbers = find_numbers(connection, key)
    if newest is not None:
        numbers = sorted(numbers)[-newest:]
    for begin in range(0, len(numbers), _READ_BATCH_SIZE):
        asked = numbers[begin : begin + _READ_BATCH_SIZE]
        yield from _with_numbers(connection, asked)


def _with_numbers(connection: Connection, numbers: Sequence[int]) -> list[tuple[int, bytes]]:
    rows = connection.execute(
        f"SELECT seq, record FROM ledger WHERE seq IN ({', '.join('?' * len(numbers))}) "
        "ORDER BY seq",
        numbers,
    ).fetchall()
    return [(seq, stored_bytes(record)) for seq, record in rows]


def records_of_input(connection: Connection, sha256_hex: str) -> list[tuple[int, bytes]]:
    """The records that have steps which read these bytes: their numbers and canonical bytes."""
    found = _with_key(connection, _read_key(sha256_hex))
    return [
        (seq, canonical)
        for seq, canonical in found
        if steps_with_artifact(canonical, sha256_hex, made=False)
    ]


def records_made_with(connection: Connection, sha256: str) -> Iterator[tuple[int, bytes]]:
    """The records of everything that was made with an artifact of a build: their numbers and
    canonical bytes."""
    yield from _records_of_builds(connection, "models LIKE ?", f"%{sha256}%")


def _records_of_builds(
    connection: Connection, which: str, value: str
) -> Iterator[tuple[int, bytes]]:
    builds = [id for (id,) in connection.execute(f"SELECT id FROM builds WHERE {which}", (value,))]
    if not builds:
        return
    # By the numbers of the builds, so that the index on them is used, however many records follow.
    rows = connection.stream(
        f"SELECT seq, record FROM ledger WHERE build IN ({', '.join('?' * len(builds))}) "
        "ORDER BY seq",
        builds,
    )
    for seq, record in rows:
        yield seq, stored_bytes(record)


def oldest_records_of_build(connection: Connection, build: Build, limit: int) -> list[Record]:
    """The first records of what a build did."""
    rows = connection.execute(
        "SELECT record FROM ledger WHERE build = (SELECT id FROM builds "
        "WHERE (stage, version, code, config, models) = (?, ?, ?, ?, ?)) ORDER BY seq LIMIT ?",
        (*build_row(build), limit),
    ).fetchall()
    return [parse_record(stored_bytes(record)) for (record,) in rows]


def steps_made_with(connection: Connection, sha256: str) -> Iterator[RecordedStep]:
    """Everything that was made with an artifact of a build."""
    for _, canonical in records_made_with(connection, sha256):
        yield from parse_record(canonical).recorded()


def records_of_actor(connection: Connection, actor: str) -> Iterator[tuple[int, bytes]]:
    """The records of what somebody, or a stage (``stage:NAME``), did: their numbers and canonical
    bytes."""
    found = dict(_with_key(connection, text_key(_ACTOR + actor)))
    if actor.startswith(_STAGE):
        found.update(_records_of_builds(connection, "stage = ?", actor.removeprefix(_STAGE)))
    for seq, canonical in sorted(found.items()):
        if parse_record(canonical).actor == actor:
            yield seq, canonical


def stale_input_events(connection: Connection, current: Build) -> frozenset[str]:
    """Ids of the input events whose newest step in a stage, by its place in the ledger, is of an
    older build of it. However it ended: what matters is which build looked at the event last.
    """
    newest: dict[tuple[str, str | None], bool] = {}
    rows = connection.stream(
        "SELECT builds.version, builds.code, builds.config, builds.models, record "
        "FROM builds JOIN ledger ON ledger.build = builds.id "
        "WHERE builds.stage = ? ORDER BY seq",
        (current.stage,),
    )
    wanted = (current.version, current.code, current.config, artifacts_text(current))
    for *build, record in rows:
        is_current = tuple(build) == wanted
        for event_id, mark in events_in_of(stored_bytes(record)):
            newest[event_id, mark] = is_current
            if mark is not None:  # an earlier lineal did not say of which source the event was
                newest.pop((event_id, None), None)
    return frozenset(event_id for (event_id, _), current in newest.items() if not current)


def record_digests(connection: Connection, seq: int, limit: int) -> list[bytes]:
    """The digests of the next records after a number."""
    rows = connection.execute(
        "SELECT digest FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
    ).fetchall()
    return [bytes(digest) for (digest,) in rows]


def records_after(connection: Connection, seq: int, limit: int) -> list[tuple[int, bytes, bytes]]:
    """The next records after a number: their numbers, digests and canonical bytes."""
    rows = connection.execute(
        "SELECT seq, digest, record FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
    ).fetchall()
    return [(seq, bytes(digest), stored_bytes(record)) for seq, digest, record in rows]


def newest_acts(
    connection: Connection, limit: int, before: int | None = None
) -> list[tuple[int, bytes]]:
    """The newest records of what no stage did but a person or a program by itself: their numbers
    and canonical bytes, newest first.

    Args:
        before: only those with a smaller number.
    """
    rows = connection.execute(
        "SELECT seq, record FROM ledger WHERE build IS NULL AND seq < ? ORDER BY seq DESC LIMIT ?",
        (_MAX_SEQ if before is None else before, limit),
    ).fetchall()
    return [(seq, stored_bytes(record)) for seq, record in rows]


def all_records(connection: Connection) -> Iterator[Record]:
    """All records of the ledger, in order; the connection may be used meanwhile."""
    last = 0
    while rows := records_after(connection, last, _READ_BATCH_SIZE):
        for _, _, canonical in rows:
            yield parse_record(canonical)
        last = rows[-1][0]


def all_steps(connection: Connection) -> Iterator[RecordedStep]:
    """All steps in the ledger, in order."""
    return (step for record in all_records(connection) for step in record.recorded())
