"""The register says of each device what it last said itself, whatever order it is heard in."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from lineal.lineage.ledger import all_steps
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.stages.result import StepResult
from lineal.stages.runner import StageRunner
from lineal.testing import StageHarness
from lineal_catalog.devices.register import Device, registered_devices
from lineal_consumers.devices.stage import devices
from lineal_schemas.envelope import first_event
from lineal_schemas.models import ModelRef
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceCloned,
    DeviceDeath,
    DeviceHealth,
    DeviceRemoved,
    TelemetryEvent,
    TelemetryGap,
)

FIRST, SECOND = "1" * 32, "2" * 32


def birth(session: int = 1, boot: str = FIRST, version: int = 3) -> DeviceBirth:
    return DeviceBirth(
        device="pump-1",
        boot_id=boot,
        session=session,
        monotonic_us=session,
        wall_us=1,
        agent_version="1.2",
        agent_digest="a" * 64,
        config_digest="c" * 64,
        models=(ModelRef(name="turbine", version=version, sha256="d" * 64),),
    )


def death(session: int = 1, boot: str = FIRST, reason: str = "lost") -> DeviceDeath:
    return DeviceDeath.model_validate(
        {"device": "pump-1", "boot_id": boot, "session": session, "reason": reason}
    )


def health(monotonic_us: int = 9, version: int = 4) -> DeviceHealth:
    return DeviceHealth(
        device="pump-1", boot_id=FIRST, monotonic_us=monotonic_us, wall_us=1, sampled=5,
        bad_lines=0, reconnects=0, dropped=0, waiting_rows=0, outbox_bytes=0,
        models=(ModelRef(name="turbine", version=version, sha256="e" * 64),),
    )  # fmt: skip


def gap(first: int, last: int, reason: str = "disk_full") -> TelemetryGap:
    return TelemetryGap.model_validate(
        {
            "device": "pump-1", "boot_id": FIRST, "first_seq": first, "last_seq": last,
            "reason": reason, "wall_us": 1,
        }
    )  # fmt: skip


@pytest.fixture
async def harness() -> AsyncIterator[StageHarness]:
    async with StageHarness(devices) as opened:
        yield opened


async def registered_from(harness: StageHarness, *messages: TelemetryEvent) -> Device:
    for one in messages:
        await harness.send(one)
    device = await harness.state(devices, "pump-1", Device)
    assert device is not None
    return device


async def test_a_device_that_was_born_is_online(harness: StageHarness) -> None:
    device = await registered_from(harness, birth())
    assert device.state == "online"
    assert [model.version for model in device.models] == [3]


@pytest.mark.parametrize("reason", ["lost", "stopped"])
async def test_a_device_that_died_says_how(harness: StageHarness, reason: str) -> None:
    assert (await registered_from(harness, birth(), death(reason=reason))).state == reason


async def test_a_death_may_be_received_before_its_birth(harness: StageHarness) -> None:
    assert (await registered_from(harness, death(2), birth(2))).state == "lost"


async def test_a_late_will_of_an_earlier_connection_does_not_count(harness: StageHarness) -> None:
    assert (await registered_from(harness, birth(1), birth(2), death(1))).state == "online"


async def test_a_will_of_an_earlier_boot_does_not_count(harness: StageHarness) -> None:
    device = await registered_from(harness, birth(1), birth(1, SECOND), death(1))
    assert device.state == "online"
    assert device.birth is not None
    assert device.birth.boot_id == SECOND


async def test_an_earlier_birth_that_comes_again_changes_nothing(harness: StageHarness) -> None:
    device = await registered_from(harness, birth(2), birth(1))
    assert device.birth is not None
    assert device.birth.session == 2


async def test_what_a_broker_had_kept_of_an_earlier_boot_changes_nothing() -> None:
    """A broker that was killed brings back an older retained birth or death, as a new message."""
    async with StageHarness(devices) as harness:
        await registered_from(harness, birth(1), birth(2), birth(1, SECOND))
        for stale in (birth(1), birth(2), death(2)):
            assert await harness.send(stale) == []
            device = await harness.state(devices, "pump-1", Device)
            assert device is not None
            assert device.birth == birth(1, SECOND)
            assert (device.state, device.cloned) == ("online", 0)
        assert (await registered_from(harness, death(1, SECOND), death(2))).state == "lost"


async def test_the_model_is_the_one_it_spoke_of_last(harness: StageHarness) -> None:
    device = await registered_from(harness, birth(), health(9, version=4))
    assert [model.version for model in device.models] == [4]


async def test_gaps_are_counted_by_their_reason(harness: StageHarness) -> None:
    device = await registered_from(harness, gap(1, 10), gap(21, 25), gap(31, 31, "unexplained"))
    assert (device.gaps, device.lost) == (3, 16)
    assert device.lost_by_reason == {"disk_full": 15, "unexplained": 1}


async def test_any_order_of_two_connections_ends_alike() -> None:
    """Births come in order, deaths come in order; between them there is none."""
    births, deaths = [birth(1), birth(2)], [death(1), death(2)]
    for places in itertools.combinations(range(4), 2):
        left_births, left_deaths = iter(births), iter(deaths)
        messages = [next(left_births) if n in places else next(left_deaths) for n in range(4)]
        async with StageHarness(devices) as harness:
            assert (await registered_from(harness, *messages)).state == "lost", messages


async def test_the_stage_on_a_bus_keeps_what_the_command_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    messages: list[TelemetryEvent] = [
        birth(), *(gap(n, n) for n in range(1, 31)), health(), death(),
    ]  # fmt: skip
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    async with open_runtime(settings) as runtime:
        events = [
            (one.type, first_event(one, id=f"{number}", source="test"))
            for number, one in enumerate(messages)
        ]
        await runtime.bus.publish(events)
        done: list[StepResult] = []

        def committed(results: Sequence[StepResult]) -> None:
            done.extend(results)
            if len(done) == len(messages):
                runner.stop()

        runner = StageRunner(
            runtime.bind(devices), runtime.committer, settings.runner(), on_committed=committed
        )
        topics = [payload.type for payload in devices.inputs]
        await runner.run(await runtime.bus.subscribe("devices", topics))
        [device] = await runtime.store.read(registered_devices)
        records = await runtime.store.read(lambda c: list(all_steps(c)))
    assert device.state == "lost"
    assert device.lost == 30
    assert device.health == health()
    assert {record.subject for record in records} == {"device:pump-1"}


async def test_an_identity_that_two_agents_have_is_noticed() -> None:
    """One boot follows another on a real device; a boot that comes back is another agent's."""
    async with StageHarness(devices) as harness:
        for session, boot in ((1, FIRST), (1, SECOND), (2, SECOND), (1, "3" * 32)):
            assert await harness.send(birth(session, boot)) == []
        [cloned] = await harness.send(birth(2, FIRST))
        assert isinstance(cloned, DeviceCloned)
        assert (cloned.boot_id, cloned.other_boot_id, cloned.times) == (FIRST, "3" * 32, 1)
        [again] = await harness.send(birth(2, "3" * 32))
        assert isinstance(again, DeviceCloned)
        assert again.times == 2


async def test_a_device_is_removed_by_who_may_and_back_when_it_connects() -> None:
    removal = DeviceRemoved(device="pump-1", by="user:ann", removed_us=1)
    async with StageHarness(devices) as harness:
        await harness.send(birth())
        await harness.send(removal, actor=None)
        assert len(harness.dead_letters) == 1
        assert await harness.runtime.store.read(registered_devices)
        await harness.send(removal.model_copy(update={"removed_us": 2}), actor="user:root")
        assert not await harness.runtime.store.read(registered_devices)
        await harness.send(birth(2))
        assert await harness.runtime.store.read(registered_devices)
