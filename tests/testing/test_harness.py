"""The kit for testing stages: real steps, no broker, a clock that a test turns."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel

from lineal import Context, Reject, Retry, fan_in, stage
from lineal.testing import StageHarness, StillRetrying
from lineal.testing.clock import START_US
from lineal_schemas.envelope import first_event
from lineal_schemas.parts import Part
from lineal_schemas.payload import Payload


class Reading(Payload, type="kit.reading", version=1):
    device: str
    value: int

    def partition_key(self) -> str:
        return self.device


class Total(Payload, type="kit.total", version=1):
    device: str
    value: int
    note: str = ""


class Overdue(Payload, type="kit.overdue", version=1):
    device: str

    def partition_key(self) -> str:
        return self.device


class Slice(Part, type="kit.slice", version=1):
    value: int

    def partition_key(self) -> str:
        return f"{self.group_id}/{self.index}"


class Limits(BaseModel):
    most: int = 100


class Factors(BaseModel):
    factor: int = 1


def double(value: int) -> int:
    return value * 2


@stage("doubled", version="1", produces=Total)
async def doubled(reading: Reading, ctx: Context[Limits]) -> Total:
    if reading.value > ctx.config.most:
        raise Reject("out of range")
    ctx.annotate(value=reading.value)
    return Total(device=reading.device, value=await ctx.run(double, reading.value))


@stage("total", version="1", produces=Total, memo=False)
async def total(reading: Reading, ctx: Context) -> Total:
    kept = (await ctx.state.get(reading.device, int) or 0) + reading.value
    await ctx.state.put(reading.device, kept)
    ctx.timers.set(reading.device, ctx.now() + 60_000_000, Overdue(device=reading.device))
    return Total(device=reading.device, value=kept)


@total.on
async def overdue(overdue: Overdue, ctx: Context) -> Total:
    return Total(device=overdue.device, value=-1, note=f"{(ctx.now() - START_US) // 1_000_000} s")


async def test_what_is_sent_is_handled_and_what_follows_is_returned() -> None:
    async with StageHarness(doubled) as harness:
        assert await harness.send(Reading(device="a", value=4)) == [Total(device="a", value=8)]
        assert harness.outputs(Total) == [Total(device="a", value=8)]
        [event] = harness.events(Total)
        assert (event.source, event.causationid) == ("lineal:stage/doubled", "event-1")
        [record] = harness.records
        assert record.outcome == "done"


async def test_a_stage_is_configured_by_the_test() -> None:
    async with StageHarness(doubled, config=Limits(most=3)) as harness:
        assert await harness.send(Reading(device="a", value=4)) == []
        [letter] = harness.dead_letters
        assert (letter.error_class, letter.message, letter.attempts) == (
            "Reject", "out of range", 1,
        )  # fmt: skip
        assert harness.records[-1].outcome == "rejected"


def test_a_configuration_of_no_stage_is_refused() -> None:
    with pytest.raises(TypeError, match="configured by Factors"):
        StageHarness(doubled, config=Factors())


async def test_the_environment_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lineal.toml").write_text('bus = "kafka://nowhere:1"\n[stages.doubled]\nmost = 1\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "LINEAL_STORE", "postgresql://nowhere:1/x")
    async with StageHarness(doubled) as harness:
        assert len(await harness.send(Reading(device="a", value=4))) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lineal.toml"]


async def test_the_same_input_is_remembered() -> None:
    async with StageHarness(doubled) as harness:
        for _ in range(2):
            assert len(await harness.send(Reading(device="a", value=4))) == 1
        assert [record.outcome for record in harness.records] == ["done", "memoised"]


async def test_state_and_timers_follow_a_clock_that_is_turned() -> None:
    async with StageHarness(total) as harness:
        await harness.send(Reading(device="a", value=4))
        await harness.clock.advance(20)
        await harness.send(Reading(device="b", value=1))
        assert [item.value for item in await harness.send(Reading(device="a", value=5))] == [9]  # type: ignore[attr-defined]
        assert await harness.state(total, "a", int) == 9
        await harness.clock.advance(59)
        assert [item.value for item in harness.outputs(Total)] == [4, 1, 9]
        await harness.clock.advance(3600)
        late = [item for item in harness.outputs(Total) if item.value == -1]
        assert {item.device: item.note for item in late} == {"a": "80 s", "b": "80 s"}
        assert harness.clock.now() == START_US + (20 + 59 + 3600) * 1_000_000


async def test_timers_on_the_way_fire_in_their_order_and_so_do_those_they_set() -> None:
    @stage("again", version="1", produces=Total, memo=False)
    async def again(overdue: Overdue, ctx: Context) -> Total:
        ctx.timers.set("again", ctx.now() + 10_000_000, Overdue(device="a"))
        return Total(device="a", value=(ctx.now() - START_US) // 1_000_000)

    async with StageHarness(again) as harness:
        await harness.send(Overdue(device="a"))
        await harness.clock.advance(35)
        assert [item.value for item in harness.outputs(Total)] == [0, 10, 20, 30]


async def test_stages_feed_each_other() -> None:
    @stage("follow", version="1", produces=Overdue)
    async def follow(total: Total, ctx: Context[Factors]) -> list[Overdue]:
        return [Overdue(device=total.device)] * ctx.config.factor

    async with StageHarness(doubled, follow, config=[Factors(factor=2), Limits(most=5)]) as harness:
        made = await harness.send(Reading(device="a", value=1))
        assert [type(item) for item in made] == [Total, Overdue, Overdue]


async def test_parts_come_together() -> None:
    @stage("split", version="1", produces=Slice)
    async def split(reading: Reading, ctx: Context) -> list[Slice]:
        whole = ctx.event.id
        return [Slice(group_id=whole, index=n, count=reading.value, value=n) for n in range(3)]

    @fan_in("join", version="1", produces=Total)
    async def join(slices: Sequence[Slice]) -> Total:
        return Total(device="all", value=sum(item.value for item in slices))

    async with StageHarness(split, join) as harness:
        await harness.send(Reading(device="a", value=3))
        assert [item.value for item in harness.outputs(Total)] == [3]


async def test_pauses_before_a_retry_turn_the_clock_and_take_no_time() -> None:
    failing = iter([ConnectionError(), Retry("not yet", 3600)])

    @stage("flaky", version="1", produces=Total)
    async def flaky(reading: Reading) -> Total:
        for error in failing:
            raise error
        return Total(device="a", value=1)

    async with asyncio.timeout(180), StageHarness(flaky) as harness:
        assert len(await harness.send(Reading(device="a", value=3))) == 1
        assert harness.clock.now() > START_US + 3600 * 1_000_000
        assert harness.records[-1].attempt == 3


async def test_what_fails_for_good_is_a_dead_letter_with_its_traceback() -> None:
    @stage("broken", version="1")
    async def broken(reading: Reading) -> None:
        raise ZeroDivisionError("of no use")

    async with asyncio.timeout(180), StageHarness(broken) as harness:
        await harness.send(Reading(device="a", value=3))
        [letter] = harness.dead_letters
        assert (letter.error_class, letter.message) == ("ZeroDivisionError", "of no use")
        assert letter.traceback is not None and "in broken" in letter.traceback


async def test_a_stage_that_never_stops_asking_for_a_retry_fails_the_test() -> None:
    @stage("never", version="1")
    async def never(reading: Reading) -> None:
        raise Retry("not yet")

    async with StageHarness(never) as harness:
        with pytest.raises(StillRetrying):
            await harness.send(Reading(device="a", value=3))


async def test_an_event_may_have_an_envelope_of_its_own() -> None:
    @stage("enveloped", version="1", produces=Total)
    async def enveloped(reading: Reading, ctx: Context) -> Total:
        return Total(device=ctx.event.id, value=ctx.event.time, note=ctx.event.subject or "")

    async with StageHarness(enveloped) as harness:
        event = first_event(Reading(device="a", value=1), id="mine", source="test:x", time=7)
        assert await harness.send(event._replace(subject="s")) == [
            Total(device="mine", value=7, note="s")
        ]


async def test_objects_and_models_are_given_by_the_test() -> None:
    @stage("scoring", version="1", produces=Total, memo=False)
    async def scoring(reading: Reading, ctx: Context) -> Total:
        model = await ctx.artifact("pump")
        assert model is not None
        ref = await ctx.objects.put(b"made", "text/plain", "text")
        return Total(device=ref.sha256, value=model.version)

    async with StageHarness(scoring) as harness:
        used = await harness.use_artifact("pump", b"weights", version=3)
        [made] = await harness.send(Reading(device="a", value=1))
        assert isinstance(made, Total)
        assert made.value == 3
        assert harness.records[-1].build is not None
        assert harness.records[-1].build.artifacts == (used.used,)
        stored = await harness.put(b"made", "text/plain")
        assert (stored.sha256, await harness.get(stored)) == (made.device, b"made")


async def test_a_record_says_how_long_the_event_waited() -> None:
    async with StageHarness(total) as harness:
        event = first_event(
            Reading(device="a", value=1), id="late", source="test", time=START_US - 5_000_000
        )
        await harness.send(event)
        await harness.clock.advance(60)
        assert [record.waited for record in harness.records] == [5_000_000, 0], "due on time"
