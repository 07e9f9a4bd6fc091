"""The CloudFormation template of all topics and queues: ``python -m infra.aws.template``.

It is made from the installed stages, so that a worker of theirs finds everything it needs and wants
no right to make anything. What it makes is what `lineal topics create --all` makes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lineal.bus.aws.names import dead_letter_queue_resource, queue_resource, topic_resource
from lineal.bus.aws.resources import (
    MESSAGE_GROUP_SCOPE,
    MESSAGE_SECONDS,
    group_tags,
    queue_policy,
    redrive_policy,
)
from lineal.bus.topic_names import dead_letter_topic, is_dead_letter_topic, is_redrive_topic
from lineal.daemon import runtime_topics, stage_topics
from lineal.stages.declaration import Stage
from lineal.stages.discovery import installed_stages

FILE = Path(__file__).with_name("lineal.json")
_ABANDONED_DAYS = 2

Resource = dict[str, Any]


def template(stages: Sequence[Stage]) -> dict[str, Any]:
    """The template for some stages."""
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
    for stage in stages:
        resources |= _group(stage.name, tuple(stage_topics(stage)))
    resources |= {"Objects": _bucket(), "WorkerPolicy": _worker_policy()}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "lineal: topics, queues and a bucket. Made by infra/aws/template.py.",
        "Parameters": {
            "Prefix": {
                "Type": "String",
                "Default": "lineal-",
                "AllowedPattern": "[A-Za-z0-9_-]+",
                "Description": "How all names begin; the same as prefix= in LINEAL_BUS.",
            },
            "VisibilitySeconds": {
                "Type": "Number",
                "Default": 30,
                "MinValue": 1,
                "MaxValue": 43200,
                "Description": "How long a message stays hidden when its worker dies.",
            },
            "ArchiveDays": {
                "Type": "Number",
                "Default": 0,
                "MinValue": 0,
                "MaxValue": 365,
                "Description": "How long topics keep their past, for replays; 0: not at all.",
            },
        },
        "Conditions": {"Archived": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ArchiveDays"}, 0]}]}},
        "Resources": resources,
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


def render(stages: Sequence[Stage]) -> str:
    """The template as it is committed."""
    return json.dumps(template(stages), indent=1, sort_keys=True) + "\n"


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
                    _arn(queue), [{"Ref": _logical("Topic", topic)} for topic in topics]
                ),
            },
        },
    }
    for topic in topics:
        made[_logical("Subscription", f"{group} {topic}")] = {
            "Type": "AWS::SNS::Subscription",
            "DependsOn": [_logical("QueuePolicy", group)],
            "Properties": {
                "TopicArn": {"Ref": _logical("Topic", topic)},
                "Protocol": "sqs",
                "Endpoint": _arn(queue),
                "RawMessageDelivery": True,
            },
        }
    return made


def _bucket() -> Resource:
    return {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                ]
            },
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "abandoned-uploads",
                        "Status": "Enabled",
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _ABANDONED_DAYS},
                    }
                ]
            },
        },
    }


def _worker_policy() -> Resource:
    def arn(service: str) -> dict[str, str]:
        where = "${AWS::Region}:${AWS::AccountId}:${Prefix}*"
        return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:{where}"}

    statements = [
        {
            "Effect": "Allow",
            "Action": ["sns:Publish", "sns:GetTopicAttributes"],
            "Resource": arn("sns"),
        },
        {
            "Effect": "Allow",
            "Action": [
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
                "sqs:GetQueueUrl",
                "sqs:GetQueueAttributes",
                "sqs:ListQueueTags",
            ],
            "Resource": arn("sqs"),
        },
        # For `lineal topics` and /metrics; neither can be narrowed to a prefix.
        {"Effect": "Allow", "Action": ["sns:ListTopics", "sqs:ListQueues"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
            "Resource": {"Fn::Sub": "${Objects.Arn}/*"},
        },
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": _arn("Objects")},
    ]
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "Description": "What a worker of lineal may do.",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        },
    }


if __name__ == "__main__":
    FILE.write_text(render(list(installed_stages().values())))
