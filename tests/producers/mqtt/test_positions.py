"""Rows of devices, and the leases of those who write them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.effects.effect import Effect
from lineal.effects.effect import apply as apply_effects
from lineal.lineage.actor import this_worker
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.store.connection import Store
from lineal_producers.mqtt.effects import LeaseLost
from lineal_producers.mqtt.lease import Leases, share_holders
from lineal_producers.mqtt.positions import Positions
from lineal_producers.mqtt.rows import get_row, get_rows, put_rows
from lineal_producers.mqtt.shares import shares_of
from lineal_producers.mqtt.watermarks import device_watermarks
from tests.producers.mqtt.messages import BOOT


@pytest.fixture
async def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runtime]:
    monkeypatch.chdir(tmp_path)
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    async with open_runtime(settings) as opened:
        yield opened


async def apply(store: Store, *effects: Effect) -> None:
    await store.write(lambda connection: apply_effects(connection, effects))


async def test_a_row_says_how_far_a_device_is(runtime: Runtime) -> None:
    positions = Positions(runtime)
    await positions.load_devices(["pump-1", "pump-2"])
    positions.boot("pump-1", BOOT).readings.take(1, 20)
    positions.boot("pump-1", BOOT).events.take(1, 1)
    await apply(runtime.store, *positions.effects(["pump-1"]))
    found = await runtime.store.read(lambda c: device_watermarks(c, ["pump-1", "pump-2"]))
    assert list(found) == ["pump-1"]
    assert found["pump-1"].boots == ((BOOT, 20, 1),)


async def test_old_boots_are_forgotten_when_no_event_is_known_any_more(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Positions(runtime)
    boots = [("pump-1", f"{number:032x}") for number in range(20)]
    await before.load(boots)
    for device, boot in boots:
        before.boot(device, boot).readings.take(1, 20)
    await apply(runtime.store, *before.effects(["pump-1"]))
    await before.sweep()
    known = Positions(runtime)
    await known.load(boots)
    assert [known.boot(*boot).readings.acked_through for boot in boots] == [20] * 20

    monkeypatch.setattr("lineal_producers.mqtt.positions.WINDOW_US", -1)
    await before.sweep()
    newest = Positions(runtime)
    await newest.load(boots)
    assert [newest.boot(*boot).readings.acked_through for boot in boots] == [0] * 4 + [20] * 16


async def test_rows_are_kept_in_every_store(store: Store) -> None:
    await store.write(lambda c: put_rows(c, {f"r{n}": b"%d" % n for n in range(1000)}))
    await store.write(lambda c: put_rows(c, {"r1": b"\x00\xff", "new": b""}))
    rows = await store.read(lambda c: get_rows(c, [f"r{n}" for n in range(1001)]))
    assert len(rows) == 1000
    assert rows["r1"] == b"\x00\xff"
    assert rows["r999"] == b"999"
    assert await store.read(lambda c: get_row(c, "none")) is None


def leases(runtime: Runtime, shares: int = 1, seconds: float = 30) -> Leases:
    return Leases(runtime, "bridge", shares, seconds=seconds)


async def test_only_one_holds_a_lease_until_it_gives_it_up(runtime: Runtime) -> None:
    async with open_runtime(runtime.settings) as second:
        ours, theirs = leases(runtime), leases(second)
        held = await ours.acquire()
        assert held is not None
        await held.check()
        assert await theirs.acquire() is None
        await apply(second.store, held.held())
        await ours.release(held)
        with pytest.raises(LeaseLost):
            await apply(runtime.store, held.held())
        taken = await theirs.acquire()
        assert taken is not None
        await apply(second.store, taken.held())


async def test_a_lease_that_was_lost_and_acquired_again_is_another_one(runtime: Runtime) -> None:
    """What was begun before somebody else had it must not count, though the holder is the same."""
    async with open_runtime(runtime.settings) as second:
        ours, theirs = leases(runtime, seconds=0.01), leases(second)
        first = await ours.acquire()
        assert first is not None
        await theirs.release(await theirs.wait())
        with pytest.raises(LeaseLost):
            await first.check()
        await ours.release(first)
        again = await ours.acquire()
        assert again is not None
        assert again.term > first.term
        await apply(runtime.store, again.held())
        with pytest.raises(LeaseLost):
            await apply(runtime.store, first.held())


async def test_a_lease_that_is_not_renewed_runs_out(runtime: Runtime) -> None:
    async with open_runtime(runtime.settings) as second:
        assert await leases(runtime, seconds=0.01).acquire()
        await leases(second).wait()


async def test_the_lease_of_a_process_that_ended_is_free_at_once(runtime: Runtime) -> None:
    async with open_runtime(runtime.settings) as second:
        assert await leases(second, seconds=3600).acquire()
    assert await leases(runtime, seconds=3600).acquire()


async def test_each_share_has_a_lease(runtime: Runtime) -> None:
    async with open_runtime(runtime.settings) as second:
        ours, theirs = leases(runtime, 3), leases(second, 3)
        taken = [await ours.wait(), await theirs.wait(), await ours.wait()]
        assert {lease.share for lease in taken} == set(shares_of(3))
        assert await theirs.acquire() is None
        holders = await runtime.store.read(lambda c: share_holders(c, "bridge", 3))
        assert [holder.worker for holder in holders] == [this_worker()] * 3
