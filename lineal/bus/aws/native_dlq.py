"""Reads poison messages from SQS's own dead letter queue and makes dead letters of them.

SQS moves a message there that was received again and again and never deleted: its workers died of
it before they could make a dead letter of it. Nobody looks into such a queue; dead letters are
listed, shown and redriven.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from lineal.bus.aws.calls import Aws, Missing, ask
from lineal.bus.aws.messages import ATTRIBUTES, BATCH_ENTRIES, Received, received
from lineal.bus.aws.resources import MAX_RECEIVES
from lineal.bus.dead_letter_event import dead_letter_event
from lineal.bus.protocol import Addressed
from lineal.bus.topic_names import dead_letter_topic
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, StepEntry, digest, record_of
from lineal.workers.errors import WorkerCrashed
from lineal_schemas.envelope import RawEvent, now_us

log = structlog.get_logger(__name__)

_ERROR = WorkerCrashed.__name__
_MESSAGE = f"received {MAX_RECEIVES} times and never finished"


async def receive_poison(
    aws: Aws, resource: str, topics: tuple[str, ...]
) -> tuple[str, list[Received]]:
    """Some messages of a group's native dead-letter queue, hidden for the time being, and its
    URL."""
    try:
        url: str = (await ask(aws.sqs.get_queue_url, QueueName=resource))["QueueUrl"]
    except Missing:
        return "", []
    answer = await ask(
        aws.sqs.receive_message,
        QueueUrl=url,
        MaxNumberOfMessages=BATCH_ENTRIES,
        MessageAttributeNames=list(ATTRIBUTES),
        MessageSystemAttributeNames=["MessageGroupId", "SentTimestamp"],
    )
    return url, [received(message, topics) for message in answer.get("Messages", [])]


async def delete_poison(aws: Aws, url: str, messages: Sequence[Received]) -> None:
    """Delete messages of a native dead-letter queue that are dead letters now."""
    entries: list[dict[str, Any]] = [
        {"Id": str(number), "ReceiptHandle": message.receipt}
        for number, message in enumerate(messages)
    ]
    await ask(aws.sqs.delete_message_batch, QueueUrl=url, Entries=entries)


def from_native_dlq(group: str, message: Received) -> tuple[Addressed, Effect]:
    """The dead letter of a poison message, and the lineage record of it."""
    event = message.event
    log.error("event.poison", group=group, event_id=event.id)
    letter = dead_letter_event(
        group, message.position, event,
        error_class=_ERROR, message=_MESSAGE, attempts=MAX_RECEIVES,
    )  # fmt: skip
    entry = StepEntry(
        event.correlationid,
        now_us(),
        outcome="failed",
        events_in=(event.id,),
        events_out=(letter.id,),
        inputs=(_artifact(event, "event"),),
        outputs=(_artifact(letter, "dead-letter"),),
        attempt=MAX_RECEIVES,
        error=_ERROR,
        reason=_MESSAGE,
    )
    record = record_of(entry, build=None, actor=f"stage:{group}", worker=this_worker())
    (effect,) = lineage_records([record])
    return (dead_letter_topic(group), letter), effect


def _artifact(event: RawEvent, role: str) -> Artifact:
    return Artifact(digest(event.data), event.datacontenttype, len(event.data), role)
