"""Windows come to what a plain count does, with their process killed, and in a replay."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from lineal.bus.protocol import Selection
from lineal.replay import plan_replay, run_replay
from lineal.runtime import NoWorkers
from lineal_schemas.envelope import RawEvent, now_us
from tests.conformance.conftest import BUSES
from tests.conformance.harness import (
    EmbeddedBusUnderTest,
    WorkerProcess,
    events_on,
    payload_of,
    publish,
)
from tests.windows.killed_stage import SHAPE, Viewed, ViewsCounted, ViewsDue, views

PATIENCE_SECONDS = 240


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.long)])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    yield from BUSES[request.param](tmp_path, request)


def some_views(scratch: Path) -> list[Viewed]:
    """Views of two pages within some seconds, some of them late; one kills who handles it."""
    chance = Random(22)
    begin = now_us() - 5_000_000
    found = []
    for number in range(90):
        late = chance.choice([0, 0, 0, 590_000])
        found.append(
            Viewed(
                page=chance.choice(["home", "shop"]),
                at_us=begin + number * 40_000 - late,
                scratch=str(scratch) if number in (47,) else "",
            )
        )
    return found


def counted(viewed: Sequence[Viewed]) -> dict[tuple[str, int], int]:
    """What a plain count comes to."""
    counts = Counter[tuple[str, int]]()
    for view in viewed:
        counts.update((view.page, begin) for begin, _ in SHAPE.spans(view.at_us))
    return dict(counts)


def results(events: Sequence[RawEvent]) -> dict[tuple[str, int], int]:
    """The last revision of each window; each is there once."""
    made = [payload_of(event) for event in {event.id: event for event in events}.values()]
    revisions = Counter((one.page, one.begin, one.revision) for one in made)
    assert set(revisions.values()) <= {1}, "no result is counted twice"
    in_order = sorted(made, key=lambda one: one.revision)
    return {(one.page, one.begin): one.views for one in in_order}


async def test_windows_are_the_same_after_kills_and_a_replay(bus: EmbeddedBusUnderTest) -> None:
    viewed = some_views(bus.scratch)
    expected = counted(viewed)
    workers = []

    def start() -> WorkerProcess:
        worker = WorkerProcess(bus.settings, "views", {}, program=["tests.windows.worker"])
        bus.workers.append(worker)
        workers.append(worker)
        return worker

    async with bus.open() as runtime:
        await runtime.bus.create_topic(ViewsDue.type)
        # The rest comes when one was killed: a worker that nothing holds up may be done before.
        await publish(runtime, *viewed[:60])
        worker, killed = start(), False
        async with asyncio.timeout(PATIENCE_SECONDS):
            while results(live := await events_on(runtime, ViewsCounted.type)) != expected:
                if live and not killed:
                    worker.send(signal.SIGKILL)  # wherever it is just now
                    killed = True
                    await publish(runtime, *viewed[60:])
                if not worker.running:
                    assert len(workers) < 6, "they end for another reason"
                    worker = start()
                await asyncio.sleep(0.05)
        assert len(workers) >= 3, "once killed by a view, and once from outside"
        for each in workers:
            each.discard()
        await runtime.flush_ledger()

        plan = await plan_replay(runtime, views, Selection())
        await run_replay(runtime, plan, NoWorkers(), lambda outcomes: None)
        again = (await events_on(runtime, ViewsCounted.type))[len(live) :]
    assert results(again) == expected
