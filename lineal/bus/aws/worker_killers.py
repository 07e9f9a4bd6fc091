"""Messages that ended in a group's dead-letter queue, made dead letters like others.

SQS puts there what was received again and again and never deleted: its workers died of it before
they could put it aside themselves. Nobody looks into such a queue; dead letters are listed, shown
and redriven.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from lineal.bus.aws.calls import Aws, Missing, ask
from lineal.bus.aws.messages import ATTRIBUTES, BATCH_ENTRIES, Received, received
from lineal.bus.aws.resources import MOST_RECEIVES
from lineal.bus.protocol import Delivery, Settlement
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, StepEntry, digest, record_of
from lineal.stages.dead_letter import dead_letter_settlement
from lineal.workers.errors import WorkerCrashed
from lineal_schemas.envelope import now_us

log = structlog.get_logger(__name__)


async def next_killers(
    aws: Aws, resource: str, topics: tuple[str, ...]
) -> tuple[str, list[Received]]:
    """Some messages of a dead-letter queue, hidden for the time being, and its URL."""
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


async def forget_killers(aws: Aws, url: str, messages: Sequence[Received]) -> None:
    """Delete messages of a dead-letter queue that are dead letters now."""
    entries: list[dict[str, Any]] = [
        {"Id": str(number), "ReceiptHandle": message.receipt}
        for number, message in enumerate(messages)
    ]
    await ask(aws.sqs.delete_message_batch, QueueUrl=url, Entries=entries)


def killer_settlement(group: str, message: Received) -> Settlement:
    """What puts such an event aside, with a record of it."""
    event = message.event
    error = WorkerCrashed(f"received {MOST_RECEIVES} times and never finished")
    log.error("event.killed_workers", group=group, event_id=event.id)
    data = Artifact(digest(event.data), event.datacontenttype, len(event.data), "event")
    entry = StepEntry(
        event.correlationid, now_us(), outcome="failed", events_in=(event.id,), inputs=(data,)
    )
    record = record_of(entry, build=None, actor=f"stage:{group}", worker=this_worker())
    delivery = Delivery(message.position, event)
    return dead_letter_settlement(group, delivery, record, error, MOST_RECEIVES)
