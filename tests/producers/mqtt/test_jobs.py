"""Jobs and answers go from the bus to the devices, in order, once they are confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_local.mosquitto import Mosquitto
from lineal_producers.mqtt.bridge import Bridge
from lineal_producers.mqtt.job_queue import JobQueue
from lineal_producers.mqtt.settings import MqttSettings
from lineal_schemas.anomalies import AnomalyAnswered
from lineal_schemas.deployments import (
    DeploymentJobIssued,
    DeploymentJobReplied,
    JobDocument,
    JobNotice,
    JobReply,
    SignedPackage,
)
from lineal_schemas.envelope import RawEvent, first_event
from tests.producers.mqtt.device_double import DeviceDouble


@pytest.fixture
async def runtime(
    tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Runtime]:
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        data=tmp_path / "data",
        durability="normal",
        workers=1,
    ).with_section(MqttSettings(url=f"mqtt://127.0.0.1:{broker.port}"))
    async with open_runtime(settings) as opened:
        yield opened


@pytest.fixture
async def bridge(runtime: Runtime) -> AsyncIterator[Bridge]:
    made = Bridge(runtime)
    task = asyncio.create_task(made.run())
    await asyncio.wait_for(made.connected.wait(), 180)
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def issued(
    job_id: str, version: int = 1, state: Literal["QUEUED", "CANCELLED"] = "QUEUED"
) -> DeploymentJobIssued:
    return DeploymentJobIssued(
        rollout_id="r",
        device="pump-1",
        job=JobDocument(
            job_id=job_id,
            rollout_id="r",
            device="pump-1",
            version=version,
            state=state,
            package=SignedPackage(manifest="{}", key_id="k", signature="s"),
            url="http://localhost/model",
            issued_us=1,
        ),
    )


async def publish(
    runtime: Runtime, *message: DeploymentJobIssued | DeploymentJobReplied | AnomalyAnswered
) -> None:
    events: list[tuple[str, RawEvent]] = [
        (one.type, first_event(one, id=f"{one.type}{number}{id(one)}", source="test"))
        for number, one in enumerate(message)
    ]
    await runtime.bus.publish(events)


async def received(device: DeviceDouble) -> tuple[str, bytes]:
    message = await asyncio.to_thread(device.received.get, True, 20)
    return message.topic, bytes(message.payload)


async def test_a_job_waits_for_a_device_that_is_away(
    runtime: Runtime, bridge: Bridge, broker: Mosquitto
) -> None:
    await publish(runtime, issued("a"))
    async with asyncio.timeout(180):
        while [g.lag for t in await runtime.bus.topics() for g in t.groups if g.lag]:
            await asyncio.sleep(0.02)
    device = await asyncio.to_thread(DeviceDouble, broker.port)
    topic, body = await received(device)
    device.close()
    assert topic == "lineal/v1/pump-1/jobs/notify"
    assert JobNotice.model_validate_json(body).job == issued("a").job


async def test_a_job_that_ended_clears_the_notice_unless_another_stands_there(
    runtime: Runtime, bridge: Bridge, broker: Mosquitto
) -> None:
    device = await asyncio.to_thread(DeviceDouble, broker.port)
    await publish(
        runtime,
        issued("a"),
        issued("a", 2, "CANCELLED"),
        issued("b"),
        issued("a", 3, "CANCELLED"),
        issued("b", 2),
        issued("b", 1),
        issued("b", 3, "CANCELLED"),
    )
    notices = [JobNotice.model_validate_json((await received(device))[1]).job for _ in range(5)]
    device.close()
    ack = [(job.job_id, job.version) if job else None for job in notices]
    assert ack == [("a", 1), None, ("b", 1), ("b", 2), None]


async def test_an_answer_reaches_its_device_only(
    runtime: Runtime, bridge: Bridge, broker: Mosquitto
) -> None:
    device = await asyncio.to_thread(DeviceDouble, broker.port)
    other = await asyncio.to_thread(DeviceDouble, broker.port, "pump-2")
    reply = JobReply(job_id="a", accepted=True, version=2, state="IN_PROGRESS")
    await publish(runtime, DeploymentJobReplied(rollout_id="r", device="pump-1", reply=reply))
    topic, body = await received(device)
    assert topic == "lineal/v1/pump-1/jobs/update/reply"
    assert JobReply.model_validate_json(body) == reply
    assert other.received.empty()
    device.close()
    other.close()


async def test_what_cannot_be_relayed_is_a_dead_letter_and_holds_up_nothing(
    runtime: Runtime, bridge: Bridge, broker: Mosquitto
) -> None:
    device = await asyncio.to_thread(DeviceDouble, broker.port)
    broken = first_event(issued("a"), id="broken", source="test")._replace(data=b"{}")
    await runtime.bus.publish([(broken.type, broken)])
    await publish(runtime, issued("b"))
    _, body = await received(device)
    device.close()
    job = JobNotice.model_validate_json(body).job
    assert job is not None
    assert job.job_id == "b"
    letters = [delivery.event async for delivery in runtime.bus.read("dead.bridge")]
    assert [letter.causationid for letter in letters] == ["broken"]


async def test_what_a_person_says_of_an_anomaly_waits_for_its_device(
    runtime: Runtime, bridge: Bridge, broker: Mosquitto
) -> None:
    answer = AnomalyAnswered(
        device="pump-1", anomaly_id="a", fault="bearing", is_normal=False, at_seq=70,
        boot_id="0" * 32, by="user:ann",
    )  # fmt: skip
    await publish(runtime, answer)
    async with asyncio.timeout(180):
        while [g.lag for t in await runtime.bus.topics() for g in t.groups if g.lag]:
            await asyncio.sleep(0.02)
    device = await asyncio.to_thread(DeviceDouble, broker.port)
    topic, body = await received(device)
    device.close()
    assert topic == "lineal/v1/pump-1/anomalies/answer"
    assert AnomalyAnswered.model_validate_json(body) == answer


async def test_a_device_that_was_away_gets_one_job_after_the_other(
    runtime: Runtime, bridge: Bridge, broker: Mosquitto
) -> None:
    await publish(
        runtime, issued("a"), issued("b"), issued("c"), issued("b", 2, "CANCELLED"), issued("d")
    )
    async with asyncio.timeout(180):
        while [g.lag for t in await runtime.bus.topics() for g in t.groups if g.lag]:
            await asyncio.sleep(0.02)
    device = await asyncio.to_thread(DeviceDouble, broker.port)
    async with asyncio.timeout(180):
        # Notices of before the last job may still be on their way; each takes the former's place.
        await noticed(device, "a", waiting=2)
        for done, job, waiting in (("a", "c", 1), ("c", "d", 0), ("d", None, 0)):
            await publish(runtime, issued(done, 9, "CANCELLED"))
            await noticed(device, job, waiting)
    device.close()


async def noticed(device: DeviceDouble, job: str | None, waiting: int) -> None:
    """Wait for a notice, and let no other job's come before it."""
    while True:
        notice = JobNotice.model_validate_json((await received(device))[1])
        if notice.job is None or notice.job.job_id != "a":
            assert (notice.job and notice.job.job_id, notice.waiting) == (job, waiting)
            return
        if job == "a" and notice.waiting == waiting:
            return


def test_what_comes_late_of_an_ended_job_opens_it_no_more() -> None:
    queue = JobQueue()
    for message in (issued("a"), issued("b"), issued("a", 3, "CANCELLED")):
        found = queue.after(message.job)
        assert found is not None
        queue = JobQueue.from_row(found.to_row())
    assert queue.after(issued("a", 2).job) is None
    assert [job.job_id for job in queue.jobs] == ["b"]


def test_a_row_of_a_former_version_names_the_job_that_was_announced() -> None:
    queue = JobQueue.from_row(b'["a",2]')
    assert queue.after(issued("a", 1).job) is None
    after = queue.after(issued("b").job)
    assert after is not None
    assert after.after(issued("a", 3, "CANCELLED").job) == JobQueue(after.jobs[1:], (("a", 3),))
