"""The AWS emulators do what the bus and the object store build on."""

from __future__ import annotations

import json
import uuid

import pytest

from lineal.aws_session import aws_session
from lineal_local.aws import Emulator, Ministack
from tests.services.missing import skipped_when_unavailable


@pytest.fixture(params=["aws", "aws_moto"])
def emulator(request: pytest.FixtureRequest) -> Emulator:
    chosen: Emulator = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def name() -> str:
    return f"local-{uuid.uuid4().hex[:12]}"


async def test_fifo_topic_to_fifo_queue_in_order(emulator: Emulator, name: str) -> None:
    session = aws_session()
    async with (
        session.create_client("sns", **emulator.client_settings) as sns,
        session.create_client("sqs", **emulator.client_settings) as sqs,
    ):
        fifo = {"FifoQueue": "true"}
        queue = (await sqs.create_queue(QueueName=f"{name}.fifo", Attributes=fifo))["QueueUrl"]
        told = await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        created = await sns.create_topic(Name=f"{name}.fifo", Attributes={"FifoTopic": "true"})
        await sns.subscribe(
            TopicArn=created["TopicArn"],
            Protocol="sqs",
            Endpoint=told["Attributes"]["QueueArn"],
            Attributes={"RawMessageDelivery": "true"},
        )
        # the third is the second sent again: a duplicate
        for body, identity in (("one", "1"), ("two", "2"), ("two", "2"), ("three", "3")):
            await sns.publish(
                TopicArn=created["TopicArn"],
                Message=body,
                MessageGroupId="key",
                MessageDeduplicationId=identity,
            )
        bodies: list[str] = []
        while len(bodies) < 3:
            received = await sqs.receive_message(
                QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5
            )
            messages = received.get("Messages", [])
            assert messages, f"no more than {bodies} arrived"
            for message in messages:
                bodies.append(message["Body"])
                await sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        left = await sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=0)

    assert bodies == ["one", "two", "three"]
    assert not left.get("Messages")


async def test_an_object_comes_back_byte_for_byte(emulator: Emulator, name: str) -> None:
    content = bytes(range(256)) * 300
    async with aws_session().create_client("s3", **emulator.client_settings) as s3:
        region = {"LocationConstraint": emulator.region}
        await s3.create_bucket(Bucket=name, CreateBucketConfiguration=region)
        await s3.put_object(Bucket=name, Key="ab/cd", Body=content)
        answer = await s3.get_object(Bucket=name, Key="ab/cd")
        async with answer["Body"] as stream:
            assert await stream.read() == content


async def test_a_stack_creates_its_resources(emulator: Emulator, name: str) -> None:
    queue = {"QueueName": f"{name}.fifo", "FifoQueue": True}
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": queue}}}
    session = aws_session()
    async with (
        session.create_client("cloudformation", **emulator.client_settings) as formation,
        session.create_client("sqs", **emulator.client_settings) as sqs,
    ):
        await formation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        await formation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )
        found = await sqs.get_queue_url(QueueName=f"{name}.fifo")

    assert found["QueueUrl"].endswith(f"{name}.fifo")


async def test_reset_deletes_everything(name: str) -> None:
    own = Ministack()
    with skipped_when_unavailable():
        own.start()
    try:
        async with aws_session().create_client("sqs", **own.client_settings) as sqs:
            await sqs.create_queue(QueueName=name)
            own.reset()
            assert not (await sqs.list_queues(QueueNamePrefix=name)).get("QueueUrls")
    finally:
        own.stop()
