"""The CloudFormation template: up to date, accepted, and the pipeline runs on what it makes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiobotocore.session import get_session

from infra.aws.template import FILE, render, template
from lineal.daemon import Daemon
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.discovery import installed_stages
from lineal_catalog.documents.queries import DocumentInfo, list_documents
from lineal_catalog.search.entries import search
from lineal_local.aws import Emulator
from lineal_producers.arrival import ArrivalSource, announce, store

PATIENCE_SECONDS = 120
TEXT = b"Dear Ms Miller, the invoice for the quarterly turbine inspection is enclosed. Regards."


def test_the_committed_template_is_that_of_the_installed_stages() -> None:
    assert FILE.read_text() == render(list(installed_stages().values())), (
        "run `python -m infra.aws.template`"
    )


def test_every_stage_has_a_queue_that_its_topics_are_sent_to() -> None:
    stages = list(installed_stages().values())
    resources = template(stages)["Resources"]
    subscriptions = [r for r in resources.values() if r["Type"] == "AWS::SNS::Subscription"]
    queues = [r for r in resources.values() if r["Type"] == "AWS::SQS::Queue"]
    assert len(queues) == 2 * len(stages)
    assert len(subscriptions) >= 2 * len(stages)
    for subscription in subscriptions:
        assert subscription["Properties"]["TopicArn"]["Ref"] in resources


def test_cfn_lint_has_nothing_to_say() -> None:
    pytest.importorskip("cfnlint", reason="cfn-lint is not installed")
    linted = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--format", "parseable", FILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (linted.returncode, linted.stdout) == (0, "")


@pytest.fixture
async def deployed(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The outputs of a stack, and the prefix of its names."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    prefix = f"s{uuid.uuid4().hex[:8]}-"
    stack = f"stack-{prefix}x"
    session = get_session()
    async with (
        session.create_client("cloudformation", **aws.client_settings) as client,
        session.create_client("s3", **aws.client_settings) as s3,
    ):
        # From a bucket: what is sent with the call may have 51,200 bytes.
        where = {"LocationConstraint": aws.region}
        await s3.create_bucket(Bucket=stack, CreateBucketConfiguration=where)
        await s3.put_object(Bucket=stack, Key="lineal.json", Body=FILE.read_bytes())
        await client.create_stack(
            StackName=stack,
            TemplateURL=f"{aws.endpoint_url}/{stack}/lineal.json",
            Parameters=[{"ParameterKey": "Prefix", "ParameterValue": prefix}],
            Capabilities=["CAPABILITY_IAM"],
        )
        await client.get_waiter("stack_create_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        (described,) = (await client.describe_stacks(StackName=stack))["Stacks"]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in described["Outputs"]}
    return {**outputs, "prefix": prefix}


async def counts(emulator: Emulator, prefix: str) -> tuple[int, int, int]:
    """How many topics, queues and subscriptions have this prefix."""
    session = get_session()
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


async def test_the_pipeline_runs_on_the_deployed_stack_and_makes_nothing_itself(
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


async def test_lineal_topics_create_makes_the_same_as_the_template(
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
