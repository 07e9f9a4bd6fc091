"""What brokers answer when they do not do what was asked, and what follows from it.

Codes are those of https://kafka.apache.org/protocol#protocol_error_codes.
"""

from __future__ import annotations

from typing import Final

from lineal.bus.protocol import BusUnavailable

NONE: Final = 0
OFFSET_OUT_OF_RANGE: Final = 1
UNKNOWN_TOPIC_OR_PARTITION: Final = 3
MESSAGE_TOO_LARGE: Final = 10
COORDINATOR_LOAD_IN_PROGRESS: Final = 14
COORDINATOR_NOT_AVAILABLE: Final = 15
NOT_COORDINATOR: Final = 16
RECORD_LIST_TOO_LARGE: Final = 18
ILLEGAL_GENERATION: Final = 22
UNKNOWN_MEMBER_ID: Final = 25
REBALANCE_IN_PROGRESS: Final = 27
INVALID_TIMESTAMP: Final = 32
TOPIC_ALREADY_EXISTS: Final = 36
INVALID_REPLICATION_FACTOR: Final = 38
OUT_OF_ORDER_SEQUENCE_NUMBER: Final = 45
DUPLICATE_SEQUENCE_NUMBER: Final = 46
INVALID_PRODUCER_EPOCH: Final = 47
INVALID_TXN_STATE: Final = 48
CONCURRENT_TRANSACTIONS: Final = 51
MEMBER_ID_REQUIRED: Final = 79
FENCED_INSTANCE_ID: Final = 82
INVALID_RECORD: Final = 87
UNSTABLE_OFFSET_COMMIT: Final = 88
PRODUCER_FENCED: Final = 90

MOVED = frozenset({COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR})
"""The coordinator is another broker now."""
NOT_A_MEMBER = frozenset({ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID})
"""The group has moved on without this worker."""
FENCED = frozenset({INVALID_PRODUCER_EPOCH, PRODUCER_FENCED})
"""The transaction was ended by another: by a successor, or by the broker for taking too long."""
IMPOSSIBLE = frozenset(
    {MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP, INVALID_RECORD}
)
"""The records cannot be stored, however often it is tried."""

FORBIDDEN = frozenset({
    29,  # TOPIC_AUTHORIZATION_FAILED
    30,  # GROUP_AUTHORIZATION_FAILED
    31,  # CLUSTER_AUTHORIZATION_FAILED
    53,  # TRANSACTIONAL_ID_AUTHORIZATION_FAILED
})  # fmt: skip
"""By the ACLs of the cluster."""

_TEMPORARY = frozenset({
    2,  # CORRUPT_MESSAGE: on the way
    3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20,
    41,  # NOT_CONTROLLER
    51, 56,
    72,  # LISTENER_NOT_FOUND: a broker that is coming up
    74, 75,  # leader epochs
    78,  # OFFSET_NOT_AVAILABLE
    80,  # PREFERRED_LEADER_NOT_AVAILABLE
    88,
    89,  # THROTTLING_QUOTA_EXCEEDED
})  # fmt: skip


class TryAgain(BusUnavailable):
    """For a reason that goes by: a leader moves, a replica is behind, a connection broke."""


class Forbidden(BusUnavailable):
    """Until somebody grants it."""


class NotAMember(Exception):
    """The group has given this worker's partitions to others."""


class InDoubt(BusUnavailable):
    """Nobody has said whether the transaction was committed."""


class CannotStore(Exception):
    """The broker refuses the records for what they are."""


def name_of(code: int) -> str:
    """The code in words."""
    from aiokafka.errors import for_code

    known = for_code(code)
    return f"error {code}" if known.__name__ == "UnknownError" else str(known.__name__)


def check(code: int, doing: str) -> None:
    """Raise what an error code means.

    Raises:
        TryAgain, Forbidden, NotAMember, CannotStore, BusUnavailable
    """
    if code == NONE:
        return
    text = f"Kafka, {doing}: {name_of(code)}"
    if code in NOT_A_MEMBER:
        raise NotAMember(text)
    if code in IMPOSSIBLE:
        raise CannotStore(text)
    if code in _TEMPORARY:
        raise TryAgain(text)
    if code in FORBIDDEN:
        raise Forbidden(f"{text}: the ACLs of the cluster forbid it; docs/operating.md lists them")
    raise BusUnavailable(text)
