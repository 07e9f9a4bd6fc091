"""Messages of the lineage topic whose records are in the ledger already: somebody copied them.

A mark says who wrote a message, and not that it is new: who may write to the topic can append a
marked one once more, with an act of long ago in it. So the ledger is asked whether it has the
record. It is not asked for what was written since this process began to apply messages and was not
applied by it, which is nearly all.
"""

from __future__ import annotations

from hashlib import sha256

from lineal.lineage.actor import this_worker
from lineal.lineage.canonical import parse_record
from lineal.lineage.event_keys import event_key
from lineal.lineage.record import Artifact, Record, StepEntry, digest, record_of
from lineal.store.connection import Connection
from lineal.store.key_index import find_numbers, text_key
from lineal_schemas.envelope import now_us

_MAX_DIGESTS = 50_000
_CLOCKS_APART_US = 10_000_000
"""By which the clocks of workers may differ."""
_QUERY_SIZE = 400


class RecentRecords:
    """What this process has applied: a bounded number of digests, and since when all of them."""

    def __init__(self) -> None:
        self._times: dict[bytes, int] = {}
        self._since = now_us() + _CLOCKS_APART_US

    def may_have(self, record_digest: bytes, time: int) -> bool:
        """Whether a record may have been applied before.

        Args:
            time: when its message was written, microseconds since the Unix epoch.
        """
        return time <= self._since or record_digest in self._times

    def add(self, record_digest: bytes, time: int) -> None:
        """Note a record that is being applied."""
        self._times[record_digest] = time
        if len(self._times) > _MAX_DIGESTS:
            oldest = next(iter(self._times))
            self._since = max(self._since, self._times.pop(oldest) + _CLOCKS_APART_US)


def has_record(connection: Connection, canonical: bytes) -> bool:
    """Whether the ledger has a record with just these bytes."""
    step = parse_record(canonical).steps[0]
    key = event_key(step.events_in[0]) if step.events_in else text_key(step.subject)
    numbers = find_numbers(connection, key)
    wanted = sha256(canonical).digest()
    for begin in range(0, len(numbers), _QUERY_SIZE):
        asked = numbers[begin : begin + _QUERY_SIZE]
        row = connection.execute(
            f"SELECT 1 FROM ledger WHERE digest = ? AND seq IN ({', '.join('?' * len(asked))})",
            (wanted, *asked),
        ).fetchone()
        if row is not None:
            return True
    return False


def rejection_record(
    topic: str, group: str, media_type: str, offset: int, data: bytes, error: str, reason: str
) -> Record:
    """A record that a message was refused, with the digest of its data."""
    content = Artifact(digest(data), media_type, len(data), "message")
    entry = StepEntry(
        f"topic:{topic}", now_us(), kind="refuse", outcome="rejected", inputs=(content,),
        error=error, reason=reason, attributes={"offset": offset},
    )  # fmt: skip
    return record_of(entry, build=None, actor=f"group:{group}", worker=this_worker())
