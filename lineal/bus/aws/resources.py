"""The attributes of topics and queues, for API calls and for the CloudFormation template alike.

One topic for each type of event, not one for all with filter policies: quotas of throughput,
permissions and archives are a topic's own; a filter policy takes minutes to take effect, and what
it discards is neither seen nor counted by anybody.
"""

from __future__ import annotations

import json
from typing import Any

MESSAGE_DAYS = 14
MESSAGE_SECONDS = MESSAGE_DAYS * 86_400
"""The longest SQS keeps a message."""
MAX_RECEIVES = 100
"""A message received this often and never deleted is poison, its workers die of it: it goes to the
group's native dead-letter queue. High, because a message that is released (on shutdown, say) counts
as well, and what a stage cannot handle goes to a dead-letter topic long before."""
RAW_DELIVERY = {"RawMessageDelivery": "true"}
MESSAGE_GROUP_SCOPE = "MessageGroup"


def topic_attributes(archive_days: int | None) -> dict[str, str]:
    """Of an SNS topic: FIFO, in high-throughput mode, with its past if wanted."""
    attributes = {
        "FifoTopic": "true",
        "ContentBasedDeduplication": "false",
        "FifoThroughputScope": MESSAGE_GROUP_SCOPE,
    }
    if archive_days is not None:
        attributes["ArchivePolicy"] = json.dumps(archive_policy(archive_days))
    return attributes


def archive_policy(days: int) -> dict[str, str]:
    """The past of a topic."""
    return {"MessageRetentionPeriod": str(days)}


def replay_policy(starting: str) -> dict[str, str]:
    """A subscription that begins with the past. ``starting``: RFC 3339."""
    return {"PointType": "Timestamp", "StartingPoint": starting}


def queue_attributes(
    visibility_seconds: int, *, dead_letter_queue: str | None = None, policy: Any = None
) -> dict[str, str]:
    """Of an SQS queue: FIFO, in high-throughput mode.

    Args:
        dead_letter_queue: ARN of the queue for poison messages.
        policy: who may send to it.
    """
    attributes = {
        "FifoQueue": "true",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
        "VisibilityTimeout": str(visibility_seconds),
        "MessageRetentionPeriod": str(MESSAGE_SECONDS),
    }
    if dead_letter_queue is not None:
        attributes["RedrivePolicy"] = json.dumps(redrive_policy(dead_letter_queue))
    if policy is not None:
        attributes["Policy"] = json.dumps(policy)
    return attributes


def redrive_policy(dead_letter_queue: Any) -> dict[str, Any]:
    """Where a queue's poison messages go."""
    return {"deadLetterTargetArn": dead_letter_queue, "maxReceiveCount": MAX_RECEIVES}


def queue_policy(queue: Any, topics: Any) -> dict[str, Any]:
    """SNS may send what was published to these topics (an ARN pattern, or several ARNs)."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue,
                "Condition": {"ArnLike": {"aws:SourceArn": topics}},
            }
        ],
    }


def group_tags(group: str, topics: tuple[str, ...]) -> dict[str, str]:
    """Tags of a group's queue: its topics, the first being that at which its lag is shown."""
    return {
        "lineal:group": group,
        **{f"lineal:topic:{number}": topic for number, topic in enumerate(topics)},
    }


def topics_of_tags(tags: dict[str, str]) -> tuple[str, ...]:
    """The topics of a group, in order, as its queue's tags name them."""
    named = {
        int(number): topic
        for name, topic in tags.items()
        for head, _, number in [name.rpartition(":")]
        if head == "lineal:topic" and number.isdigit()
    }
    return tuple(named[number] for number in sorted(named))
