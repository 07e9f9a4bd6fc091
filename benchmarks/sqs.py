"""The bus on AWS: a pass-through stage on the emulator, against a bare aiobotocore loop.

The emulator is one Python process, so what is measured is how few and how full the calls are.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.measurement import Benchmark, Result, against_peer
from benchmarks.passthrough import Ping, Pong, new_runner, passthrough, pings, publish_all, run
from lineal.bus.aws.bus import AwsBus
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.result import StepResult
from lineal_cli.lifetime import run_in_loop
from lineal_local.aws import Ministack

_EVENTS = 3_000
_RUNS = 3
_MAX_CONCURRENT = 16
"""Loops of the peer: as many as the bus receives at once."""


def measure_sqs() -> Sequence[Result]:
    """Events a second through the stage, everything included."""
    pairs = []
    for number in range(_RUNS):
        # In turns: whoever came first would always find the machine as the other had left it.
        if number % 2:
            theirs = _measured(_bare)
            pairs.append((_measured(_ours), theirs))
        else:
            ours = _measured(_ours)
            pairs.append((ours, _measured(_bare)))
    return [
        against_peer(
            "bus.sqs",
            "events/s",
            "ratio >= 0.8",
            f"aiobotocore: {_MAX_CONCURRENT} loops of receive, publish and delete, ten at a time",
            pairs,
        )
    ]


def _measured(run: Callable[[Ministack], Coroutine[Any, Any, float]]) -> float:
    """On a new emulator: it gets slower with all it has ever been sent."""
    with Ministack() as emulator:
        return run_in_loop(run(emulator))


@asynccontextmanager
async def _filled(emulator: Ministack) -> AsyncIterator[Runtime]:
    """A runtime on topics of its own, with events waiting for the group."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        query = {"endpoint": emulator.endpoint_url, "prefix": f"b{uuid.uuid4().hex[:8]}-"}
        settings = Settings(
            data=Path(folder), bus=f"aws://{emulator.region}?{urlencode(query)}", prefetch=1024
        )
        os.environ.update(emulator.environment)
        async with open_runtime(settings) as runtime:
            assert isinstance(runtime.bus, AwsBus)
            await runtime.bus.create_topic(Ping.type, groups=["benchmark"])
            await runtime.bus.create_topic(Pong.type)
            await publish_all(runtime, pings(_EVENTS, keys=_EVENTS))
            yield runtime


async def _ours(emulator: Ministack) -> float:
    async with _filled(emulator) as runtime:
        assert isinstance(runtime.bus, AwsBus)
        (group,) = await runtime.bus.provisioning.groups()
        committed = 0
        done = asyncio.Event()

        def count(results: Sequence[StepResult]) -> None:
            nonlocal committed
            committed += len(results)
            if committed >= _EVENTS:
                done.set()

        begun = time.perf_counter()
        runner = new_runner(runtime, passthrough, count)
        running = asyncio.create_task(run(runtime, runner))
        await done.wait()
        # The last deletions too: leaving the group afterwards is not a matter of speed.
        while await runtime.bus.provisioning.backlog(group.url):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        took = time.perf_counter() - begun
        runner.stop()
        await running
    return _EVENTS / took


async def _bare(emulator: Ministack) -> float:
    async with _filled(emulator) as runtime:
        assert isinstance(runtime.bus, AwsBus)
        aws, provisioning = runtime.bus.aws, runtime.bus.provisioning
        (group,) = await provisioning.groups()
        target = provisioning.topic_arn(Pong.type)
        left = _EVENTS

        async def loop() -> None:
            nonlocal left
            while left > 0:
                passed = await _pass_on(aws, group.url, target)
                left -= passed

        begun = time.perf_counter()
        await asyncio.gather(*(loop() for _ in range(_MAX_CONCURRENT)))
        return _EVENTS / (time.perf_counter() - begun)


async def _pass_on(aws: Any, queue: str, target: str) -> int:
    answer = await aws.sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=0,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["MessageGroupId"],
    )
    messages = answer.get("Messages", [])
    if not messages:
        return 0
    await aws.sns.publish_batch(
        TopicArn=target,
        PublishBatchRequestEntries=[
            {
                "Id": str(number),
                "Message": message["Body"],
                "MessageGroupId": message["Attributes"]["MessageGroupId"],
                "MessageDeduplicationId": message["MessageId"],
                "MessageAttributes": {
                    name: {"DataType": value["DataType"], "StringValue": value["StringValue"]}
                    for name, value in message["MessageAttributes"].items()
                },
            }
            for number, message in enumerate(messages)
        ],
    )
    await aws.sqs.delete_message_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages)
        ],
    )
    return len(messages)


BENCHMARKS = (Benchmark(("bus.sqs",), measure_sqs, limit_s=180),)
