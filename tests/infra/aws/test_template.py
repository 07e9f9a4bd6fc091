"""The CloudFormation templates: up to date, accepted, and the pipeline runs on what they make."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from infra.aws.template import (
    FOLDER,
    MOST_RESOURCES,
    Template,
    TooManyResources,
    render,
    templates,
)
from lineal.aws_session import aws_session
from lineal.bus.aws.names import topic_resource
from lineal.daemon import Daemon
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.discovery import installed_stages
from lineal.stages.topics import stage_topics
from lineal_catalog.documents.queries import DocumentInfo, list_documents
from lineal_catalog.search.entries import search
from lineal_local.aws import Emulator
from lineal_producers.arrival import ArrivalSource, announce, store

PATIENCE_SECONDS = 180
TEXT = b"Dear Ms Miller, the invoice for the quarterly turbine inspection is enclosed. Regards."


def test_the_committed_templates_are_those_of_the_installed_stages() -> None:
    committed = {file.name: file.read_text() for file in FOLDER.glob("*.json")}
    assert committed == render(list(installed_stages().values())), (
        "run `python -m infra.aws.template`"
    )


def named(made: Iterable[Template], kind: str, property_name: str) -> list[str]:
    """What resources of a kind are called, or what they refer to, without the prefix."""
    return [
        resource["Properties"][property_name]["Fn::Sub"].rpartition("${Prefix}")[2]
        for template in made
        for resource in template["Resources"].values()
        if resource["Type"] == kind
    ]


def test_every_stage_has_a_queue_that_its_topics_are_sent_to() -> None:
    stages = list(installed_stages().values())
    made = templates(stages).values()
    queues = named(made, "AWS::SQS::Queue", "QueueName")
    topics = named(made, "AWS::SNS::Topic", "TopicName")
    assert len(set(queues)) == len(queues) == 2 * len(stages)
    assert len(set(topics)) == len(topics)
    wanted = [topic_resource("", topic) for stage in stages for topic in stage_topics(stage)]
    subscribed = named(made, "AWS::SNS::Subscription", "TopicArn")
    assert sorted(subscribed) == sorted(wanted)
    assert set(subscribed) <= set(topics)


def test_the_topics_are_in_the_template_that_is_deployed_first() -> None:
    first, *others = templates(list(installed_stages().values())).values()
    assert named([first], "AWS::SNS::Topic", "TopicName")
    assert not named(others, "AWS::SNS::Topic", "TopicName")


def test_another_stage_moves_no_queue_to_another_template() -> None:
    stages = list(installed_stages().values())
    with_all = templates(stages)
    for left_out in stages:
        fewer = templates([stage for stage in stages if stage is not left_out])
        for file, template in fewer.items():
            assert template["Resources"].keys() <= with_all[file]["Resources"].keys()


def test_more_resources_than_a_template_may_have_are_refused() -> None:
    stage = next(iter(installed_stages().values()))
    many = [replace(stage, name=f"more.{number}") for number in range(MOST_RESOURCES)]
    with pytest.raises(TooManyResources, match=r"lineal\.json would have .* more templates"):
        templates(many)


@pytest.mark.long
def test_cfn_lint_has_nothing_to_say() -> None:
    pytest.importorskip("cfnlint", reason="cfn-lint is not installed")
    linted = subprocess.run(
        [
            Path(sys.executable).with_name("cfn-lint"),
            "--format",
            "parseable",
            *sorted(FOLDER.glob("*.json")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (linted.returncode, linted.stdout) == (0, "")


@pytest.fixture
async def deployed(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The outputs of the stacks of all templates, and the prefix of their names."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    prefix = f"s{uuid.uuid4().hex[:8]}-"
    bucket = f"stack-{prefix}x"
    outputs: dict[str, str] = {}
    session = aws_session()
    async with (
        session.create_client("cloudformation", **aws.client_settings) as client,
        session.create_client("s3", **aws.client_settings) as s3,
    ):
        # From a bucket: what is sent with the call may have 51,200 bytes.
        where = {"LocationConstraint": aws.region}
        await s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        for file in templates(list(installed_stages().values())):
            stack = f"{prefix}{Path(file).stem}"
            await s3.put_object(Bucket=bucket, Key=file, Body=(FOLDER / file).read_bytes())
            await client.create_stack(
                StackName=stack,
                TemplateURL=f"{aws.endpoint_url}/{bucket}/{file}",
                Parameters=[{"ParameterKey": "Prefix", "ParameterValue": prefix}],
                Capabilities=["CAPABILITY_IAM"],
            )
            await client.get_waiter("stack_create_complete").wait(
                StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
            (described,) = (await client.describe_stacks(StackName=stack))["Stacks"]
            for item in described.get("Outputs", []):
                outputs[item["OutputKey"]] = item["OutputValue"]
    return {**outputs, "prefix": prefix}


async def counts(emulator: Emulator, prefix: str) -> tuple[int, int, int]:
    """How many topics, queues and subscriptions have this prefix."""
    session = aws_session()
    async with (
        session.create_client("sns", **emulator.client_settings) as sns,
        session.create_client("sqs", **emulator.client_settings) as sqs,
    ):
        topics = [
            item["TopicArn"]
            async for page in sns.get_paginator("list_topics").paginate()
            for item in page["Topics"]
        ]
        subscriptions = [
            item["TopicArn"]
            async for page in sns.get_paginator("list_subscriptions").paginate()
            for item in page["Subscriptions"]
        ]
        queues = (await sqs.list_queues(QueueNamePrefix=prefix)).get("QueueUrls", [])
    return (
        len([arn for arn in topics if f":{prefix}" in arn]),
        len(queues),
        len([arn for arn in subscriptions if f":{prefix}" in arn]),
    )


def settings_for(emulator: Emulator, prefix: str, data: Path, **more: Any) -> Settings:
    query = urlencode({"endpoint": emulator.endpoint_url, "prefix": prefix, "wait_seconds": 1})
    return Settings(
        data=data, durability="normal", workers=1, bus=f"aws://{emulator.region}?{query}", **more
    )


async def until_done(runtime: Runtime) -> DocumentInfo:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = await runtime.store.read(lambda c: list_documents(c))
            if found and found[0].status in ("indexed", "failed", "rejected"):
                return found[0]
            await asyncio.sleep(0.1)


async def test_the_pipeline_runs_on_the_deployed_stacks_and_makes_nothing_itself(
    aws: Emulator, deployed: dict[str, str], tmp_path: Path
) -> None:
    bucket = deployed["ObjectsUrl"]
    settings = settings_for(
        aws, deployed["prefix"], tmp_path, objects=f"{bucket}?endpoint={aws.endpoint_url}"
    )
    before = await counts(aws, deployed["prefix"])
    assert min(before) > 0
    (tmp_path / "letter.txt").write_bytes(TEXT)
    names = ("register", "classify", "ocr", "nlp", "index")
    stages = [stage for name, stage in installed_stages().items() if name.startswith(names)]
    async with open_runtime(settings) as runtime:
        daemon = Daemon(runtime, stages)
        await daemon.start()
        try:
            origin = ArrivalSource(
                name="letter.txt", source="test:letter", occurrence="1", actor="user:ann"
            )
            with (tmp_path / "letter.txt").open("rb") as file:
                await announce(runtime, origin, content=await store(runtime, file))
            document = await until_done(runtime)
            hits = await runtime.store.read(lambda c: search(c, "turbine"))
        finally:
            await daemon.stop()
    assert (document.status, document.name) == ("indexed", "letter.txt")
    assert [hit.document_id for hit in hits] == [document.document_id]
    assert await counts(aws, deployed["prefix"]) == before


async def test_lineal_topics_create_makes_the_same_as_the_templates(
    aws: Emulator, deployed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = f"c{uuid.uuid4().hex[:8]}-"
    monkeypatch.setenv("LINEAL_BUS", settings_for(aws, prefix, tmp_path).bus)
    lineal = Path(sys.executable).with_name("lineal")
    for _ in range(2):  # the second time there is nothing left to make
        made = await asyncio.create_subprocess_exec(
            lineal, "topics", "create", "--all", "--data", tmp_path
        )
        assert await made.wait() == 0
        assert await counts(aws, prefix) == await counts(aws, deployed["prefix"])
