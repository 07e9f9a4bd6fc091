"""Where bus and store share no transaction the bus has the last word."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.effects.effect import Effect
from lineal.effects.effect import apply as apply_effects
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.store.connection import Store
from lineal_producers.mqtt.effects import LeaseLost
from lineal_producers.mqtt.lease import Lease
from lineal_producers.mqtt.positions import Positions
from lineal_producers.mqtt.rows import get_row, get_rows, put_rows
from lineal_producers.mqtt.watermarks import device_watermarks
from lineal_schemas.envelope import first_event
from lineal_schemas.telemetry import TelemetryGap, TelemetryReadings
from tests.producers.mqtt.messages import BOOT, gap, readings


@pytest.fixture
async def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runtime]:
    monkeypatch.chdir(tmp_path)
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    async with open_runtime(settings) as opened:
        yield opened


async def apply(store: Store, *effects: Effect) -> None:
    await store.write(lambda connection: apply_effects(connection, effects))


def separate(runtime: Runtime) -> None:
    """Have the bus say that it shares no transaction with the store."""
    bus = runtime.bus
    apart = dataclasses.replace(bus.capabilities, applies_effects=False)
    bus.capabilities = apart


async def publish(runtime: Runtime, *message: TelemetryReadings | TelemetryGap) -> None:
    await runtime.bus.publish(
        [(one.type, first_event(one, id=one.event_id, source="test")) for one in message]
    )


async def test_what_was_published_and_not_noted_is_known(runtime: Runtime) -> None:
    """Killed between the publication and the position."""
    separate(runtime)
    before = Positions(runtime)
    await before.load(["pump-1"])
    before.of("pump-1").boot(BOOT).readings.take(1, 20)
    await publish(runtime, readings(1, 20))
    await apply(runtime.store, *before.effects(["pump-1"]))
    await publish(runtime, readings(21, 40), gap(41, 50))

    after = Positions(runtime)
    await after.catch_up()
    await after.load(["pump-1"])
    assert after.of("pump-1").boot(BOOT).readings.take(21, 40).kind == "duplicate"
    assert after.of("pump-1").boot(BOOT).readings.take(51, 60).kind == "next"


async def test_what_others_put_onto_the_topic_does_no_harm(runtime: Runtime) -> None:
    separate(runtime)
    positions = Positions(runtime)
    await apply(runtime.store, *positions.effects([]))
    event = first_event(readings(1, 5), id="x", source="test")._replace(data=b"nonsense")
    await runtime.bus.publish([(event.type, event)])
    await positions.catch_up()


async def test_a_row_says_how_far_a_device_is(runtime: Runtime) -> None:
    positions = Positions(runtime)
    await positions.load(["pump-1", "pump-2"])
    positions.of("pump-1").boot(BOOT).readings.take(1, 20)
    positions.of("pump-1").boot(BOOT).events.take(1, 1)
    await apply(runtime.store, *positions.effects(["pump-1"]))
    found = await runtime.store.read(lambda c: device_watermarks(c, ["pump-1", "pump-2"]))
    assert list(found) == ["pump-1"]
    assert found["pump-1"].boots == ((BOOT, 20, 1),)


async def test_rows_are_kept_in_every_store(store: Store) -> None:
    await store.write(lambda c: put_rows(c, {f"r{n}": b"%d" % n for n in range(1000)}))
    await store.write(lambda c: put_rows(c, {"r1": b"\x00\xff", "new": b""}))
    rows = await store.read(lambda c: get_rows(c, [f"r{n}" for n in range(1001)]))
    assert len(rows) == 1000
    assert rows["r1"] == b"\x00\xff"
    assert rows["r999"] == b"999"
    assert await store.read(lambda c: get_row(c, "none")) is None


async def test_only_one_holds_the_lease_until_it_gives_it_up(
    runtime: Runtime, tmp_path: Path
) -> None:
    async with open_runtime(runtime.settings) as second:
        ours = Lease(runtime, "bridge", seconds=30)
        theirs = Lease(second, "bridge", seconds=30)
        assert await ours.acquire()
        assert await ours.acquire()
        assert not await theirs.acquire()
        with pytest.raises(LeaseLost):
            await apply(second.store, theirs.held())
        await apply(runtime.store, ours.held())
        await ours.release()
        assert await theirs.acquire()
        with pytest.raises(LeaseLost):
            await apply(runtime.store, ours.held())


async def test_a_lease_that_is_not_renewed_runs_out(runtime: Runtime) -> None:
    async with open_runtime(runtime.settings) as second:
        assert await Lease(runtime, "bridge", seconds=0.01).acquire()
        await Lease(second, "bridge", seconds=30).wait()


async def test_the_lease_of_a_process_that_ended_is_free_at_once(runtime: Runtime) -> None:
    async with open_runtime(runtime.settings) as second:
        assert await Lease(second, "bridge", seconds=3600).acquire()
    assert await Lease(runtime, "bridge", seconds=3600).acquire()
