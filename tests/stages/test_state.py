"""State and timers of a stage: what a stage author may rely on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from lineal.bus.protocol import Delivery, Position, Selection
from lineal.effects.effect import Effect
from lineal.effects.effect import apply as apply_effects
from lineal.effects.state import StateChange
from lineal.effects.sweep import sweep
from lineal.lineage.ledger import steps_of_subject
from lineal.replay import plan_replay, run_replay
from lineal.runtime import NoWorkers, Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Context, stage
from lineal.stages.state import ReplayedState, StoredState
from lineal.stages.timers import TimerClock
from lineal_schemas.envelope import RawEvent, first_event, now_us
from lineal_schemas.payload import Payload
from tests.conformance.harness import events_on, running, until_events, until_settled
from tests.stages.attempting import attempt


class Bid(Payload, type="test.bid", version=1):
    lot: str
    amount: int

    def partition_key(self) -> str:
        return self.lot

    def correlation_key(self) -> str:
        return f"lot:{self.lot}"


class Hammer(Payload, type="test.hammer", version=1):
    lot: str
    at: int

    def partition_key(self) -> str:
        return self.lot

    def correlation_key(self) -> str:
        return f"lot:{self.lot}"


class Sold(Payload, type="test.sold", version=1):
    lot: str
    total: int

    def partition_key(self) -> str:
        return self.lot


@stage("auction", version="1", produces=Sold, memo=False)
async def auction(bid: Bid, ctx: Context) -> None:
    total = await ctx.state.get(bid.lot, int) or 0
    await ctx.state.put(bid.lot, total + bid.amount)
    if bid.amount < 0:
        raise ValueError("a bid below nothing")


@auction.on
async def sell(hammer: Hammer, ctx: Context) -> Sold:
    total = await ctx.state.get(hammer.lot, int) or 0
    await ctx.state.delete(hammer.lot)
    ctx.record_kind = "review"
    return Sold(lot=hammer.lot, total=total)


@stage("everybody", version="1", memo=False)
async def everybody(bid: Bid, ctx: Context) -> None:
    """One key for the events of all partition keys: they collide."""
    total = await ctx.state.get("all", int) or 0
    await asyncio.sleep(0)
    await ctx.state.put("all", total + bid.amount)


@stage("patient", version="1", produces=Sold, memo=False)
async def patient(bid: Bid, ctx: Context) -> None:
    if bid.amount:
        ctx.timers.set(bid.lot, bid.amount, Hammer(lot=bid.lot, at=bid.amount))
    else:
        ctx.timers.cancel(bid.lot)


@patient.on
async def out_of_patience(hammer: Hammer) -> Sold:
    return Sold(lot=hammer.lot, total=hammer.at)


@stage("forgetful", version="1")
async def forgetful(bid: Bid, ctx: Context) -> None:
    await ctx.state.put("key", b"")


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path / "data")) as opened:
        yield opened


_numbers = iter(range(1_000_000))


def made(payload: Payload) -> RawEvent:
    return first_event(payload, id=f"event-{next(_numbers)}", source="test")


async def publish(runtime: Runtime, *payloads: Payload) -> list[RawEvent]:
    events = [made(payload) for payload in payloads]
    await runtime.bus.publish([(event.type, event) for event in events])
    return events


async def apply(runtime: Runtime, effects: Sequence[Effect]) -> None:
    await runtime.store.write(lambda connection: apply_effects(connection, effects))


async def sold(runtime: Runtime) -> dict[str, int]:
    found = [Sold.model_validate_json(event.data) for event in await events_on(runtime, Sold.type)]
    return {item.lot: item.total for item in found}


async def prepared(runtime: Runtime) -> None:
    for payload in (Bid, Hammer, Sold):
        await runtime.bus.create_topic(payload.type)


async def test_state_is_kept_over_a_restart_and_can_be_removed(runtime: Runtime):
    await prepared(runtime)
    await publish(runtime, *(Bid(lot="a", amount=n) for n in (1, 2)), Bid(lot="b", amount=5))
    async with running(runtime, auction):
        await until_settled(runtime, "auction")
    await publish(runtime, Bid(lot="a", amount=4))
    async with running(runtime, auction):
        await until_settled(runtime, "auction")
        await publish(runtime, Hammer(lot="a", at=0), Hammer(lot="b", at=0))
        await until_events(runtime, Sold.type, 2)
    assert await sold(runtime) == {"a": 7, "b": 5}
    assert await runtime.store.write(lambda c: sweep(c, now_us() + 1)) == 2
    left = await runtime.store.read(lambda c: c.execute("SELECT count(*) FROM state").fetchone()[0])
    assert left == 0


async def test_an_event_that_fails_changes_no_state(runtime: Runtime):
    await prepared(runtime)
    await publish(runtime, Bid(lot="a", amount=3), Bid(lot="a", amount=-1))
    async with running(runtime, auction):
        await until_settled(runtime, "auction")
        await publish(runtime, Hammer(lot="a", at=0))
        await until_events(runtime, Sold.type, 1)
    assert await sold(runtime) == {"a": 3}


async def test_an_event_handled_again_after_its_effects_were_applied_does_not_count_twice(
    runtime: Runtime,
):
    """What a crash between the store's commit and the bus' does where they are not one."""
    bound = runtime.bind(auction)
    first, second = made(Bid(lot="a", amount=1)), made(Bid(lot="a", amount=2))
    for event in (first, second, second, second):
        result = await attempt(bound, Delivery(Position(Bid.type, 0, 0), event))
        for _ in range(2):  # and the very same effects may be applied again, too
            await apply(runtime, result.effects)
    hammer = Delivery(Position(Hammer.type, 0, 0), made(Hammer(lot="a", at=0)))
    for _ in range(2):
        result = await attempt(bound, hammer)
        await apply(runtime, result.effects)
        (_, output), *_ = result.outputs
        assert Sold.model_validate_json(output.data).total == 3


async def test_events_that_change_one_key_at_the_same_time_are_all_counted(runtime: Runtime):
    await prepared(runtime)
    await publish(runtime, *(Bid(lot=f"lot-{n}", amount=n) for n in range(40)))
    async with running(runtime, everybody):
        await until_settled(runtime, "everybody")
    value = await runtime.store.read(
        lambda c: c.execute("SELECT after FROM state WHERE stage = 'everybody'").fetchone()[0]
    )
    assert int(value) == sum(range(40))
    assert not [topic for topic in await runtime.bus.topics() if topic.topic.startswith("dead.")]


async def test_a_key_removed_and_made_again_meanwhile_is_noticed(runtime: Runtime):
    bound = runtime.bind(auction)

    async def begun(payload: Payload) -> Any:
        return await attempt(bound, Delivery(Position(payload.type, 0, 0), made(payload)))

    async def settled(result: Any) -> None:
        await apply(runtime, result.effects)

    await settled(await begun(Bid(lot="a", amount=1)))
    late = await begun(Bid(lot="a", amount=2))
    await settled(await begun(Hammer(lot="a", at=0)))
    with pytest.raises(Exception, match="a"):
        await settled(late)
    await settled(await begun(Bid(lot="a", amount=5)))
    with pytest.raises(Exception, match="a"):
        await settled(late)


async def test_a_stage_with_a_memo_may_keep_no_state(runtime: Runtime):
    bound = runtime.bind(forgetful)
    with pytest.raises(TypeError, match="memo=False"):
        await attempt(bound, Delivery(Position(Bid.type, 0, 0), made(Bid(lot="a", amount=1))))


async def test_a_replay_begins_with_no_state_and_leaves_the_live_one_alone(runtime: Runtime):
    await prepared(runtime)
    await publish(runtime, Bid(lot="a", amount=2), Bid(lot="a", amount=3))
    async with running(runtime, auction):
        await until_settled(runtime, "auction")
        await publish(runtime, Hammer(lot="a", at=0))
        await until_settled(runtime, "auction")
        await publish(runtime, Bid(lot="a", amount=70))
        await until_settled(runtime, "auction")
    plan = await plan_replay(runtime, auction, Selection())
    assert plan.events == 4
    await run_replay(runtime, plan, NoWorkers(), lambda outcomes: None)
    await publish(runtime, Hammer(lot="a", at=1))
    async with running(runtime, auction):
        await until_settled(runtime, "auction")
    totals = [Sold.model_validate_json(e.data).total for e in await events_on(runtime, Sold.type)]
    assert totals == [5, 5, 70]


async def test_the_record_says_what_kind_of_act_it_was(runtime: Runtime):
    await prepared(runtime)
    await publish(runtime, Bid(lot="a", amount=2), Hammer(lot="a", at=0))
    async with running(runtime, auction):
        await until_settled(runtime, "auction")
    found = await runtime.store.read(lambda c: steps_of_subject(c, "lot:a"))
    assert sorted(record.kind for record in found) == ["review", "step"]


async def test_timers_come_when_they_are_due_also_after_a_restart(runtime: Runtime):
    await prepared(runtime)
    now = 1_000
    clock = TimerClock(runtime.store, runtime.bus, ["patient"], lambda: now)
    await publish(
        runtime, Bid(lot="early", amount=500), Bid(lot="late", amount=5_000),
        Bid(lot="moved", amount=700), Bid(lot="dropped", amount=800),
    )  # fmt: skip
    async with running(runtime, patient):
        await until_settled(runtime, "patient")
        await publish(runtime, Bid(lot="moved", amount=6_000), Bid(lot="dropped", amount=0))
        await until_settled(runtime, "patient")
    await clock.look()
    async with running(runtime, patient):
        await until_settled(runtime, "patient")
        assert await sold(runtime) == {"early": 500}
        await clock.look()
        now = 5_500
        await clock.look()
        await until_settled(runtime, "patient")
    assert await sold(runtime) == {"early": 500, "late": 5_000}


async def test_timers_of_other_stages_are_left_to_those_who_run_them(runtime: Runtime):
    await prepared(runtime)
    await publish(runtime, Bid(lot="a", amount=1))
    async with running(runtime, patient):
        await until_settled(runtime, "patient")
    await TimerClock(runtime.store, runtime.bus, ["auction"]).look()
    assert await events_on(runtime, Hammer.type) == []


class Lot(BaseModel):
    name: str
    bids: tuple[int, ...] = ()


async def test_values_come_back_as_the_types_they_were(runtime: Runtime):
    values: dict[str, Any] = {
        "model": Lot(name="a", bids=(1, 2)), "int": -3, "str": "ä \\", "bytes": b"\x00\xff",
        "list": [1, 2], "payload": Bid(lot="a", amount=1),
    }  # fmt: skip
    found: dict[str, Any] = {}

    @stage("typed", version="1", memo=False)
    async def typed(bid: Bid, ctx: Context) -> None:
        if bid.amount == 0:
            for key, value in values.items():
                await ctx.state.put(key, value)
        for key, value in values.items():
            found[key] = await ctx.state.get(key, type(value))
        found["items"] = await ctx.state.items("mod", Lot)
        await ctx.state.delete("model")
        assert await ctx.state.get("model", Lot) is None
        assert await ctx.state.items("mod", Lot) == []

    bound = runtime.bind(typed)
    for amount in (0, 1):
        event = made(Bid(lot="a", amount=amount))
        result = await attempt(bound, Delivery(Position(Bid.type, 0, 0), event))
        assert {key: found[key] for key in values} == values | ({"model": None} if amount else {})
        assert found["items"] == ([] if amount else [("model", values["model"])])
        await apply(runtime, result.effects)


async def test_what_is_kept_as_json_is_read_by_its_type(runtime: Runtime):
    """Values that stages kept as bytes of JSON, before state had types."""
    from lineal.stages.state_values import decode_value, encode_value

    assert decode_value(int, b"12") == 12
    assert decode_value(Lot, b'{"name":"x","bids":[3]}') == Lot(name="x", bids=(3,))
    assert encode_value(12) == b"12"
    assert encode_value(Lot(name="x", bids=(3,))) == b'{"name":"x","bids":[3]}'
    with pytest.raises(TypeError, match="delete"):
        encode_value(None)


async def test_keys_that_begin_so_are_found_whatever_stands_in_them(runtime: Runtime) -> None:
    last, before_surrogates = chr(0x10FFFF), chr(0xD7FF)
    names = ["", "a", "a/", "a/1", f"a/{last}", f"a/{last}{last}x", "a0", "b", f"{last}"]
    names += [f"{last}a", before_surrogates, f"{before_surrogates}x", chr(0xE000)]
    await apply(
        runtime, [StateChange("range", name, "e", None, None, b"1", at=1) for name in names]
    )
    for prefix in (*names, "a/", "c"):
        found = await StoredState(runtime.store).rows("range", prefix)
        assert [key for key, _ in found] == sorted(n for n in names if n.startswith(prefix))


async def test_many_keys_are_looked_up_at_once(runtime: Runtime) -> None:
    changes = [StateChange("many", f"{n}", "e", None, None, b"%d" % n, at=1) for n in range(1_200)]
    await apply(runtime, changes)
    for state in (StoredState(runtime.store), ReplayedState()):
        if isinstance(state, ReplayedState):
            state.apply(changes)
        found = await state.rows_of("many", [f"{n}" for n in range(0, 2_400, 2)])
        assert {key: row.after for key, row in found.items()} == {
            f"{n}": b"%d" % n for n in range(0, 1_200, 2)
        }
        assert await state.rows_of("many", []) == {}
