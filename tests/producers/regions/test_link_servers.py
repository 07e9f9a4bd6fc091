"""Links from and to regions on Kafka and on SNS/SQS: once, through kills, with lineage, marks and
erasures."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from lineal.access.credential import owner_credential
from lineal.bus.aws.names import topic_resource
from lineal.erasure.erase import erase, plan_erasure
from lineal.lineage.ledger import steps_of_subject
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.senders import SenderNotPermitted, require_sender
from lineal_producers.regions.link import Link
from lineal_producers.regions.region import open_region, settings_of_region
from lineal_schemas.envelope import RawEvent, from_json
from tests.producers.regions.three_regions import TOPIC, events_in, order, place
from tests.services.aws_archive import ArchiveProxy

_KILLED = "tests.producers.regions.link_killed"
SECRET = "of this broker's installation alone"


class Server:
    """A region whose bus is a server of its kind, or embedded."""

    def __init__(self, kind: str, request: pytest.FixtureRequest, folder: Path) -> None:
        self.where: dict[str, Any] = {"data": str(folder)}
        prefix = f"t{uuid.uuid4().hex[:10]}"
        self._archive: ArchiveProxy | None = None
        self._prefix = ""
        if kind == "kafka":
            broker = request.getfixturevalue("kafka")
            self.where |= {
                "bus": f"kafka://{broker.bootstrap}",
                "mark_secrets": f"{SECRET} {folder.name}",
                "kafka": {
                    "prefix": f"{prefix}.", "session_seconds": 3.0, "transaction_seconds": 5.0,
                },
            }  # fmt: skip
        elif kind == "aws":
            self._archive = request.getfixturevalue("aws_archive")
            self._prefix = f"{prefix}-"
            emulator = request.getfixturevalue("aws")
            patch = request.getfixturevalue("monkeypatch")
            for name, value in emulator.environment.items():
                patch.setenv(name, value)
            address = {
                "endpoint": self._archive.endpoint_url, "prefix": self._prefix,
                "archive_days": 7, "wait_seconds": 1,
            }  # fmt: skip
            self.where["bus"] = f"aws://{emulator.region}?{urlencode(address)}"

    async def events(self, runtime: Runtime) -> list[RawEvent]:
        """All of its orders."""
        if self._archive is None:
            return await events_in(runtime)
        messages = self._archive.messages(topic_resource(self._prefix, TOPIC))
        return [from_json(message.body) for message in messages]


class Pair:
    """Two regions, and the installation at which the link between them runs."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path, kinds: tuple[str, str]):
        self.rome, self.oslo = (
            Server(kind, request, folder / name)
            for kind, name in zip(kinds, ("rome", "oslo"), strict=True)
        )
        self.given: dict[str, Any] = {
            "data": str(folder / "here"),
            "durability": "normal",
            "partitions": 4,
            "lease_seconds": 3.0,
            "regions": {
                "buses": {"rome": self.rome.where, "oslo": self.oslo.where},
                "links": {"out": {"from": "rome", "to": "oslo", "topics": ["order.*", "model.*"]}},
            },
        }

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[Runtime, Runtime, Runtime]]:
        """Here, Rome and Oslo; both exist afterwards."""
        settings = Settings(**self.given)
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(open_runtime(settings))
            for name in ("rome", "oslo"):
                begun = settings_of_region(settings, name)
                if not (begun.data / "lineal.db").is_file():
                    async with open_runtime(begun):
                        pass
            rome, oslo = [
                (await stack.enter_async_context(open_region(settings, name))).runtime
                for name in ("rome", "oslo")
            ]
            yield here, rome, oslo

    async def killed(self, batches: int, when: str) -> None:
        """Run the link in a process that is killed at a batch."""
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", _KILLED, json.dumps(self.given), str(batches), when],
            cwd=Path(__file__).parents[3],
            timeout=90,
            check=False,
        )
        assert ended.returncode == -signal.SIGKILL


MODEL = "model.promoted"
KINDS = [("kafka", "embedded"), ("embedded", "kafka"), ("aws", "embedded"), ("embedded", "aws")]


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
async def test_a_killed_link_goes_on_and_brings_everything_once(
    kinds: tuple[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    pair = Pair(request, tmp_path, kinds)
    async with pair.open() as (here, rome, _):
        await Link(here, "out").run_once()  # from its first run on, the source keeps what comes
        await place(rome, order(100))
        await Link(here, "out").run_once()
        await place(rome, *[order(number) for number in range(24)])
    await pair.killed(1, "after")
    async with pair.open() as (here, rome, oslo):
        done = await Link(here, "out").run_once()
        assert done.rejected == {}
        assert done.known > 0  # what was published last, and not acknowledged
        there = await pair.oslo.events(oslo)
        assert sorted(event.id for event in there) == sorted(
            f"order-{number}" for number in (*range(24), 100)
        )
        for key in {event.partitionkey for event in there}:
            numbers = [int(event.id[6:]) for event in there if event.partitionkey == key]
            assert [number for number in numbers if number < 100] == [
                number for number in range(24) if f"customer-{number % 3}" == key
            ]
        assert {event.actor for event in there} == {"link:out"}
        await oslo.flush_ledger()
        (step,) = await oslo.store.read(lambda c: list(steps_of_subject(c, "order:3")))
        assert (step.kind, step.outcome, step.attributes["from"]) == ("link", "done", "rome")


async def test_between_brokers_nobody_says_more_than_at_the_source_and_what_is_erased_stays_so(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    pair = Pair(request, tmp_path, ("kafka", "kafka"))
    async with pair.open() as (here, rome, oslo):
        kind: dict[str, Any] = {"type": MODEL, "correlationid": "model:m"}
        await place(rome, order(1), order(2), order(3), order(4, **kind))
        forger = settings_of_region(here.settings, "rome").model_copy(
            update={"mark_secrets": SecretStr("somebody else's secret, long enough")}
        )
        async with open_runtime(forger) as other:  # who can write to the broker, and no more
            await place(other, order(5, **kind), order(6))
        for runtime, subject in ((rome, "order:2"), (oslo, "order:3")):
            plan = await plan_erasure(runtime, [subject])
            await erase(runtime, plan, "asked for", by=owner_credential())
        done = await Link(here, "out").run_once()
        assert (done.brought, done.erased, set(done.rejected)) == (3, 2, {"order-5"})
        assert "nobody of the source's installation" in done.rejected["order-5"]
        there = [*await events_in(oslo), *await events_in(oslo, MODEL)]
        assert sorted(event.id for event in there) == ["order-1", "order-4", "order-6"]
        assert rome.marks is not None and oslo.marks is not None
        for event in there:
            assert oslo.marks.valid(event) and not rome.marks.valid(event)
            assert event.actor == "link:out"
        await oslo.flush_ledger()
        (step,) = await oslo.store.read(lambda c: list(steps_of_subject(c, "order:1")))
        assert step.attributes["sent_by"] == "user:ann"
        (promoted,) = await events_in(oslo, MODEL)
        with pytest.raises(
            SenderNotPermitted
        ):  # what somebody may do in Rome they may not do in Oslo
            await require_sender(oslo.store, promoted, "promote")
