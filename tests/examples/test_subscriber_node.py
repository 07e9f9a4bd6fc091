"""The example subscriber, which has nothing of ours, reads our events from a real Kafka."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from lineal_local.kafka import Kafka
from lineal_schemas.bindings import to_kafka
from lineal_schemas.documents import DocumentIndexed
from lineal_schemas.envelope import RawEvent, caused_event, first_event
from lineal_schemas.export import committed_folder
from tests.services.missing import skipped_when_unavailable
from tests.toolchains import node, npm_packages

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "subscriber-node"
_PATIENCE_SECONDS = 180


@pytest.fixture(scope="session")
def subscriber(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with its packages beside it, as `npm install` in its folder leaves it."""
    with skipped_when_unavailable():
        node()
        packages = npm_packages(EXAMPLE / "package.json")
    folder = tmp_path_factory.mktemp("example") / "subscriber-node"
    folder.mkdir()
    shutil.copy(EXAMPLE / "subscriber.mjs", folder)
    shutil.copy(EXAMPLE / "package.json", folder)
    (folder / "node_modules").symlink_to(packages / "node_modules")
    return folder


def indexed(document: str, pages: int) -> RawEvent:
    cause = first_event(DocumentIndexed(document_id=document, pages=0), id="c", source="test:x")
    return caused_event(
        DocumentIndexed(document_id=document, pages=pages),
        cause,
        id=f"{document}-{pages}",
        source="lineal:stage/index",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        time=1_764_000_000_123_456,
    )


async def send(kafka: Kafka, topic: str, events: list[RawEvent]) -> None:
    """Publish as the Kafka bus does: in a transaction, in binary mode."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, transactional_id=f"test-{uuid4().hex}"
    )
    await producer.start()
    try:
        async with producer.transaction():
            for event in events:
                key, value, headers = to_kafka(event)
                await producer.send(topic, value, key=key, headers=headers)
        await producer.begin_transaction()
        key, value, headers = to_kafka(events[0]._replace(id="never committed"))
        await producer.send(topic, value, key=key, headers=headers)
        await producer.flush()
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send(topic, b"not an event", key=b"k")
            last = to_kafka(events[-1]._replace(id="last"))
            await producer.send(topic, last.value, key=last.key, headers=last.headers)
    finally:
        await producer.stop()


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
    )


async def test_it_prints_our_events_and_says_what_is_wrong(subscriber: Path, kafka: Kafka) -> None:
    topic = f"document.indexed.{uuid4().hex}"
    good = [indexed("d1", 1), indexed("d1", 2), indexed("dé 2", 3)]
    wrong = indexed("d3", 4)._replace(data=b'{"document_id": "d3"}', id="wrong")
    newer = indexed("d4", 5)._replace(dataschema="urn:lineal:schema:document.indexed:99")
    await send(kafka, topic, [*good, good[0], wrong, newer, good[2]])

    command = [node(), "subscriber.mjs", "--brokers", kafka.bootstrap, "--group", topic,
               "--schemas", str(committed_folder()), "--limit", "4", topic]  # fmt: skip
    done = await asyncio.to_thread(_run, command, subscriber)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    # the duplicate and what was never committed are not shown
    assert {line[4] for line in lines} == {"d1-1", "d1-2", "dé 2-3", "last"}
    first = next(line for line in lines if line[4] == "d1-1")
    assert first[0] == "document.indexed"
    assert first[1] == "2025-11-24T16:00:00.123Z"  # JavaScript's clock has milliseconds
    assert first[2:4] == ["document:d1", "d1"]
    assert json.loads(first[5]) == {"document_id": "d1", "pages": 1}
    ordered = [line[4] for line in lines if line[3] == "d1"]
    assert ordered == ["d1-1", "d1-2"]
    assert "wrong: data must have required property 'pages'" in done.stderr
    assert "document.indexed:99 is known" in done.stderr
    assert "not a CloudEvent" in done.stderr
