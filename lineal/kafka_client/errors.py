"""Error codes of the Kafka protocol, and the exceptions they are raised as.

Codes are those of https://kafka.apache.org/protocol#protocol_error_codes.
"""

from __future__ import annotations

import asyncio
from typing import Final

from lineal.errors import LinealError

NONE: Final = 0
OFFSET_OUT_OF_RANGE: Final = 1
UNKNOWN_TOPIC_OR_PARTITION: Final = 3
MESSAGE_TOO_LARGE: Final = 10
COORDINATOR_NOT_AVAILABLE: Final = 15
NOT_COORDINATOR: Final = 16
RECORD_LIST_TOO_LARGE: Final = 18
ILLEGAL_GENERATION: Final = 22
UNKNOWN_MEMBER_ID: Final = 25
REBALANCE_IN_PROGRESS: Final = 27
INVALID_TIMESTAMP: Final = 32
TOPIC_ALREADY_EXISTS: Final = 36
INVALID_REPLICATION_FACTOR: Final = 38
DUPLICATE_SEQUENCE_NUMBER: Final = 46
MEMBER_ID_REQUIRED: Final = 79
FENCED_INSTANCE_ID: Final = 82
INVALID_RECORD: Final = 87

COORDINATOR_MOVED = frozenset({COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR})
"""Another broker is the coordinator now."""
NOT_IN_GENERATION = frozenset({ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID})
"""The sender is not a member of the group's present generation."""
RECORDS_REJECTED = frozenset(
    {MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP, INVALID_RECORD}
)
"""The broker refuses the records themselves; a retry gives the same answer."""

AUTHORIZATION_FAILED = frozenset({
    29,  # TOPIC_AUTHORIZATION_FAILED
    30,  # GROUP_AUTHORIZATION_FAILED
    31,  # CLUSTER_AUTHORIZATION_FAILED
    53,  # TRANSACTIONAL_ID_AUTHORIZATION_FAILED
})  # fmt: skip
"""The ACLs of the cluster forbid it."""

_RETRIABLE = frozenset({
    2,  # CORRUPT_MESSAGE: on the way
    3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20,
    41,  # NOT_CONTROLLER
    51, 56,
    72,  # LISTENER_NOT_FOUND: a broker that is starting
    74, 75,  # FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH
    78,  # OFFSET_NOT_AVAILABLE
    80,  # PREFERRED_LEADER_NOT_AVAILABLE
    88,
    89,  # THROTTLING_QUOTA_EXCEEDED
})  # fmt: skip


class KafkaUnavailable(LinealError):
    """The cluster does not do now what was asked; the request may be sent again later."""


class RetriableError(KafkaUnavailable):
    """A passing cause: a leader moves, a replica is behind, a connection broke."""


class AuthorizationFailed(KafkaUnavailable):
    """The principal lacks an ACL."""


class ClockAhead(KafkaUnavailable):
    """Brokers refuse what this machine sends, for its clock is ahead of theirs."""


class TransactionInDoubt(KafkaUnavailable):
    """EndTxn got no answer: the transaction may be committed or aborted."""

    def end_if_cancelled(self) -> None:
        """Let a task end that was cancelled while it waited for the answer; one that goes on asks
        what became of the transaction.

        Raises:
            CancelledError: the current task is being cancelled.
        """
        task = asyncio.current_task()
        cause = self.__cause__
        if isinstance(cause, asyncio.CancelledError) and task is not None and task.cancelling():
            raise cause


class UnknownMember(LinealError):
    """The group has moved on to a generation without this member."""


class Fenced(LinealError):
    """Another process has joined with the same static member id (KIP-345)."""


class RecordsRejected(LinealError):
    """The broker refuses the records, however often they are sent."""


def name_of(code: int) -> str:
    """The name of an error code."""
    from aiokafka.errors import for_code

    known = for_code(code)
    return f"error {code}" if known.__name__ == "UnknownError" else str(known.__name__)


def check(code: int, doing: str) -> None:
    """Raise the exception of an error code.

    Raises:
        RetriableError, AuthorizationFailed, UnknownMember, RecordsRejected, KafkaUnavailable
    """
    if code == NONE:
        return
    text = f"Kafka, {doing}: {name_of(code)}"
    if code in NOT_IN_GENERATION:
        raise UnknownMember(text)
    if code in RECORDS_REJECTED:
        raise RecordsRejected(text)
    if code in _RETRIABLE:
        raise RetriableError(text)
    if code in AUTHORIZATION_FAILED:
        raise AuthorizationFailed(f"{text}: the ACLs of the cluster forbid it")
    raise KafkaUnavailable(text)
