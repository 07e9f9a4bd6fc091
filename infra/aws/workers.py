"""What workers share in the CloudFormation templates: the bucket of objects and their rights."""

from __future__ import annotations

from typing import Any

_ABANDONED_DAYS = 2

Resource = dict[str, Any]


def bucket() -> Resource:
    """The bucket of objects, kept when the stack is deleted."""
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


def worker_policy() -> Resource:
    """What a worker may do: use what has the prefix, and make nothing."""

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
        {
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": {"Fn::GetAtt": ["Objects", "Arn"]},
        },
    ]
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "Description": "What a worker of lineal may do.",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        },
    }
