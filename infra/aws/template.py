"""The CloudFormation templates of all topics and queues: ``python -m infra.aws.template``.

They are made from the installed stages, so that a worker of theirs finds everything it needs and
wants no right to make anything. What they make is what `lineal topics create --all` makes.

A template may have 500 resources, and all stages together have more. So the topics are in one,
with the bucket and the policy, and the queues of the stages are shared out over others, which find
the topics by their names and are deployed after it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from infra.aws.workers import Resource, bucket, worker_policy
from lineal.bus.aws.names import dead_letter_queue_resource, queue_resource, topic_resource
from lineal.bus.aws.resources import (
    MESSAGE_GROUP_SCOPE,
    MESSAGE_SECONDS,
    group_tags,
    queue_policy,
    redrive_policy,
)
from lineal.bus.topic_names import dead_letter_topic, is_dead_letter_topic, is_redrive_topic
from lineal.daemon import runtime_topics
from lineal.stages.declaration import Stage
from lineal.stages.discovery import installed_stages
from lineal.stages.topics import stage_topics

FOLDER = Path(__file__).parent
MOST_RESOURCES = 450
"""In a template. CloudFormation takes 500; the rest is for what an operator adds."""

_QUEUE_TEMPLATES = 2

Template = dict[str, Any]

_PREFIX = {
    "Type": "String",
    "Default": "lineal-",
    "AllowedPattern": "[A-Za-z0-9_-]+",
    "Description": "How all names begin; the same in all stacks and as prefix= in LINEAL_BUS.",
}


class TooManyResources(ValueError):
    """A template would have more than `MOST_RESOURCES`."""


def templates(stages: Sequence[Stage]) -> dict[str, Template]:
    """The templates for some stages by the names of their files, in the order of deployment.

    Raises:
        TooManyResources: there are too many stages for this number of templates.
    """
    shares: list[list[Stage]] = [[] for _ in range(_QUEUE_TEMPLATES)]
    for stage in stages:
        shares[_share(stage.name)].append(stage)
    made = {"lineal.json": _topics_template(stages)} | {
        f"lineal-queues-{number}.json": _queues_template(share)
        for number, share in enumerate(shares, start=1)
    }
    for file, template in made.items():
        if (count := len(template["Resources"])) > MOST_RESOURCES:
            raise TooManyResources(
                f"{file} would have {count} resources, more than {MOST_RESOURCES}: "
                "share them out over more templates in infra/aws/template.py"
            )
    return made


def render(stages: Sequence[Stage]) -> dict[str, str]:
    """The templates as they are committed, by the names of their files."""
    return {
        file: json.dumps(template, indent=1, sort_keys=True) + "\n"
        for file, template in templates(stages).items()
    }


def _share(stage: str) -> int:
    """Which of the templates of queues a stage is in.

    By its own name only: with another stage installed it would move otherwise, and its queue,
    which the one stack retains, could not be made by the other.
    """
    return int.from_bytes(sha256(stage.encode()).digest()) % _QUEUE_TEMPLATES


def _topics_template(stages: Sequence[Stage]) -> Template:
    topics = sorted(
        {
            topic
            for stage in stages
            for topic in (
                *stage_topics(stage),
                *(payload.type for payload in stage.produces),
                dead_letter_topic(stage.name),
            )
        }.union(runtime_topics())
    )
    resources = {_logical("Topic", topic): _topic(topic) for topic in topics}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "lineal: topics and a bucket. Made by infra/aws/template.py.",
        "Parameters": {
            "Prefix": _PREFIX,
            "ArchiveDays": {
                "Type": "Number",
                "Default": 0,
                "MinValue": 0,
                "MaxValue": 365,
                "Description": "How long topics keep their past, for replays; 0: not at all.",
            },
        },
        "Conditions": {"Archived": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ArchiveDays"}, 0]}]}},
        "Resources": resources | {"Objects": bucket(), "WorkerPolicy": worker_policy()},
        "Outputs": {
            "Bus": {
                "Description": "LINEAL_BUS",
                "Value": {"Fn::Sub": "aws://${AWS::Region}?prefix=${Prefix}"},
            },
            "ObjectsUrl": {
                "Description": "LINEAL_OBJECTS",
                "Value": {"Fn::Sub": "s3://${Objects}"},
            },
            "WorkerPolicyArn": {
                "Description": "For the role of the workers.",
                "Value": {"Ref": "WorkerPolicy"},
            },
        },
    }


def _queues_template(stages: Sequence[Stage]) -> Template:
    resources: dict[str, Resource] = {}
    for stage in stages:
        resources |= _group(stage.name, tuple(stage_topics(stage)))
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "lineal: queues, after lineal.json. Made by infra/aws/template.py.",
        "Parameters": {
            "Prefix": _PREFIX,
            "VisibilitySeconds": {
                "Type": "Number",
                "Default": 30,
                "MinValue": 1,
                "MaxValue": 43200,
                "Description": "How long a message stays hidden when its worker dies.",
            },
        },
        "Resources": resources,
    }


def _logical(kind: str, name: str) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in name).split()
    return kind + "".join(word[0].upper() + word[1:] for word in words)


def _named(resource: str) -> dict[str, str]:
    return {"Fn::Sub": "${Prefix}" + resource}


def _topic(topic: str) -> Resource:
    properties: Resource = {
        "TopicName": _named(topic_resource("", topic)),
        "FifoTopic": True,
        "ContentBasedDeduplication": False,
        "FifoThroughputScope": MESSAGE_GROUP_SCOPE,
    }
    if not is_dead_letter_topic(topic) and not is_redrive_topic(topic):
        properties["ArchivePolicy"] = {
            "Fn::If": [
                "Archived",
                {"MessageRetentionPeriod": {"Ref": "ArchiveDays"}},
                {"Ref": "AWS::NoValue"},
            ]
        }
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def _queue(resource: str) -> Resource:
    return {
        "QueueName": _named(resource),
        "FifoQueue": True,
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
        "VisibilityTimeout": {"Ref": "VisibilitySeconds"},
        "MessageRetentionPeriod": MESSAGE_SECONDS,
    }


def _arn(logical: str) -> Resource:
    return {"Fn::GetAtt": [logical, "Arn"]}


def _topic_arn(topic: str) -> Resource:
    """By name: the topic is in another stack, and a stack may export 200 values at most."""
    where = "${AWS::Region}:${AWS::AccountId}:${Prefix}"
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:sns:{where}{topic_resource('', topic)}"}


def _group(group: str, topics: tuple[str, ...]) -> dict[str, Resource]:
    queue, dead = _logical("Queue", group), _logical("DeadLetterQueue", group)
    tags = [{"Key": k, "Value": v} for k, v in sorted(group_tags(group, topics).items())]
    made: dict[str, Resource] = {
        dead: {
            "Type": "AWS::SQS::Queue",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": _queue(dead_letter_queue_resource("", group)),
        },
        queue: {
            "Type": "AWS::SQS::Queue",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                **_queue(queue_resource("", group)),
                "RedrivePolicy": redrive_policy(_arn(dead)),
                "Tags": tags,
            },
        },
        _logical("QueuePolicy", group): {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": queue}],
                "PolicyDocument": queue_policy(
                    _arn(queue), [_topic_arn(topic) for topic in topics]
                ),
            },
        },
    }
    for topic in topics:
        made[_logical("Subscription", f"{group} {topic}")] = {
            "Type": "AWS::SNS::Subscription",
            "DependsOn": [_logical("QueuePolicy", group)],
            "Properties": {
                "TopicArn": _topic_arn(topic),
                "Protocol": "sqs",
                "Endpoint": _arn(queue),
                "RawMessageDelivery": True,
            },
        }
    return made


if __name__ == "__main__":
    for name, text in render(list(installed_stages().values())).items():
        (FOLDER / name).write_text(text)
