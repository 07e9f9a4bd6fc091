"""A log over other logs: their checkpoints are records of its ledger.

What covers other logs is an ordinary ledger, and its log an ordinary log. One checkpoint of it, one
cosignature and one kept copy stand for all that is in those it covers. A checkpoint is recorded if
its tree begins with the one that was recorded before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from lineal.effects.records import lineage_records
from lineal.lineage.actor import acting_user, this_worker
from lineal.lineage.canonical import subject_entries
from lineal.lineage.ledger import newest_records_of_subject, steps_of_subject
from lineal.lineage.record import Record, StepEntry, record_of
from lineal.proof.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint
from lineal.proof.errors import LogInconsistent
from lineal.proof.following import LogSource, newest_of_log
from lineal.proof.log_tables import read_log, tile_source
from lineal.proof.note import VerifierKey, parse_verifier_key
from lineal.proof.tiles import TiledTree
from lineal.proof.trust import log_subject
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_schemas.envelope import now_us

COVER: Final = "cover"
"""Kind of the records that hold a checkpoint of another log, and of those that say where one is."""
COVERED_LOGS: Final = "logs:covered"
"""What the records are about that say which logs are covered, and where each is."""
COVERED_CHECKPOINT, COVERED_KEY = "checkpoint", "key"
"""Attributes: the signed note, and the verifier key that it was verified with."""
_ORIGIN, _PLACE = "origin", "place"


class CoveredLog(NamedTuple):
    """A log that is covered, as the records say."""

    origin: str
    place: str
    """A data folder, or the address where it is served."""
    seq: int
    """Number of the record that holds its newest checkpoint."""
    canonical: bytes
    """That record."""
    opened: OpenedCheckpoint

    @property
    def checkpoint(self) -> Checkpoint:
        """The newest that was recorded."""
        return self.opened.checkpoint

    @property
    def key(self) -> VerifierKey:
        """The key that has signed it."""
        return self.opened.signed_by[0]


class StoredLog:
    """A log in a store that can be read here. See :class:`lineal.proof.following.LogSource`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def checkpoint(self) -> bytes:
        """The newest.

        Raises:
            LogInconsistent: nothing was signed.
        """
        row = read_log(self._connection)
        if row is None or row.checkpoint is None:
            raise LogInconsistent("nothing was signed there yet: `lineal log checkpoint` does")
        return row.checkpoint

    def tree(self, size: int) -> TiledTree:
        """The tree, of which a larger one may be there."""
        return TiledTree(tile_source(self._connection))


def covered_logs(connection: Connection) -> list[CoveredLog]:
    """All logs that a ledger covers, with the newest checkpoint of each.

    Raises:
        MalformedNote, WrongSignature: a record holds no checkpoint of the log that it is about.
    """
    places: dict[str, str] = {}
    for step in steps_of_subject(connection, COVERED_LOGS):
        if step.kind == COVER:
            places[str(step.attributes[_ORIGIN])] = str(step.attributes[_PLACE])
    found = []
    for origin, place in places.items():
        for seq, canonical in newest_records_of_subject(connection, log_subject(origin)):
            opened = next(_covered_in(canonical, origin), None)
            if opened is not None:
                found.append(CoveredLog(origin, place, seq, canonical, opened))
                break
    return found


def covered_checkpoints(connection: Connection, origin: str, limit: int) -> Iterator[bytes]:
    """The newest checkpoints of a log that a ledger has recorded, the newest first."""
    for _, canonical in newest_records_of_subject(connection, log_subject(origin)):
        for opened in _covered_in(canonical, origin):
            if limit <= 0:
                return
            limit -= 1
            yield str(opened.note).encode()


def _covered_in(canonical: bytes, origin: str) -> Iterator[OpenedCheckpoint]:
    """Those of a record, the newest first."""
    for step in reversed(subject_entries(canonical, log_subject(origin))):
        if step.kind == COVER:
            key = parse_verifier_key(str(step.attributes[COVERED_KEY]))
            yield open_checkpoint(str(step.attributes[COVERED_CHECKPOINT]).encode(), [key])


def next_checkpoint(
    place: str, source: LogSource, keys: Sequence[VerifierKey], known: Sequence[CoveredLog]
) -> OpenedCheckpoint | None:
    """The newest checkpoint of a log that is to be covered; None if it was recorded before, from
    the same place.

    Args:
        place: where the log is.
        keys: that are trusted to sign it.
        known: what was recorded until now.

    Raises:
        Unreachable, LogInconsistent: the log does not answer, or has no checkpoint.
        MalformedNote, WrongSignature: what it answers is none of these keys'.
        WitnessRejection: its tree does not begin with the one that was recorded.
    """
    recorded = {item.origin: item.checkpoint for item in known}
    found = newest_of_log(source, keys, recorded.get)
    if found is not None:
        return found.opened
    if place in {item.place for item in known}:
        return None
    return open_checkpoint(source.checkpoint(), keys)  # it has moved


def cover_records(
    place: str, opened: OpenedCheckpoint, known: Sequence[CoveredLog]
) -> list[Record]:
    """The records that hold a checkpoint, and say where its log is, if that was not said before."""
    origin = opened.checkpoint.origin
    entries = [
        StepEntry(
            log_subject(origin),
            now_us(),
            kind=COVER,
            attributes={
                COVERED_CHECKPOINT: str(opened.note),
                COVERED_KEY: str(opened.signed_by[0]),
            },
        )
    ]
    if (origin, place) not in {(item.origin, item.place) for item in known}:
        said = {_ORIGIN: origin, _PLACE: place}
        entries.append(StepEntry(COVERED_LOGS, now_us(), kind=COVER, attributes=said))
    return [
        record_of(entry, build=None, actor=acting_user(), worker=this_worker()) for entry in entries
    ]


async def record_covered(runtime: Runtime, records: Sequence[Record]) -> None:
    """Append records to the ledger, wherever its bus is.

    Raises:
        StoreUnavailable, BusUnavailable
    """
    await runtime.committer.publish([], lineage_records(records))
    await runtime.flush_ledger()
