"""Whatever goes wrong with a commit, each result is finished once and made durable at most once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from lineal.bus.protocol import (
    Addressed,
    AssignmentLost,
    Batch,
    Delivery,
)
from lineal.errors import BusUnavailable, StateConflict, StoreUnavailable
from lineal.stages.commit_queue import CommitQueue
from lineal.stages.result import StepResult
from tests.stages.scripted import Noted, delivery

KEYS = "abc"
DEAD, AGAIN = "dead.work", "again"


class Outcome(Enum):
    """What becomes of one commit."""

    DONE = "done"
    BUS_AWAY = "the bus is away"
    STORE_AWAY = "the store is away"
    IN_DOUBT = "it takes effect, and the answer is lost"
    LOST_FIRST = "the first delivery belongs to another worker"
    LOST_LAST = "the last delivery does"
    LOST_ALL = "all of them do"


class Plan(NamedTuple):
    """How a scenario goes."""

    keys: str
    """Of the events, by their number."""
    portions: tuple[int, ...]
    """In how many results each is added."""
    outcomes: tuple[Outcome, ...]
    """Of the commits, in their order; all that follow are done."""
    spoiled: frozenset[int]
    """Numbers of results that cannot be written."""
    conflicting: frozenset[int]
    """Numbers of results made from state that has changed since."""
    finish_after: int | None
    """The commit during which the queue is told that nothing more comes."""


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    keys = draw(st.text(KEYS, min_size=1, max_size=8))
    numbers = st.frozensets(st.integers(0, len(keys) - 1), max_size=2)
    spoiled = draw(numbers)
    return Plan(
        keys,
        tuple(draw(st.lists(st.integers(1, 4), min_size=len(keys), max_size=len(keys)))),
        tuple(draw(st.lists(st.sampled_from(Outcome), max_size=6))),
        spoiled,
        draw(numbers) - spoiled,
        draw(st.none() | st.integers(0, 6)),
    )


class ScriptedCommitter:
    """Has commits end as planned, and knows what became durable."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.outcomes = list(plan.outcomes)
        self.calls = 0
        self.durable: list[Addressed] = []
        self.acked: list[Delivery] = []
        self.lost: list[Delivery] = []
        self.in_doubt: Batch | None = None
        self.at_call: asyncio.Event = asyncio.Event()

    async def commit(self, batch: Batch) -> None:
        if self.calls == self.plan.finish_after:
            self.at_call.set()
            await asyncio.sleep(0)
        self.calls += 1
        if self.in_doubt is not None:
            # As a bus in doubt, which recognises the very same batch, and only that.
            assert batch == self.in_doubt
            self.in_doubt = None
            return
        numbers = {
            d.position.offset for d, (topic, _) in zip(batch.acks, batch.outputs, strict=True)
            if topic == "work"
        }  # fmt: skip
        if numbers & self.plan.spoiled:
            raise ValueError("too large")
        if numbers & self.plan.conflicting:
            raise StateConflict("k")
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome.DONE
        if outcome is Outcome.BUS_AWAY:
            raise BusUnavailable("away")
        if outcome is Outcome.STORE_AWAY:
            raise StoreUnavailable("away")
        lost = {
            Outcome.LOST_FIRST: batch.acks[:1],
            Outcome.LOST_LAST: batch.acks[-1:],
            Outcome.LOST_ALL: batch.acks,
        }.get(outcome)
        if lost:
            self.lost += lost
            raise AssignmentLost(lost)
        self.durable += batch.outputs
        self.acked += batch.acks
        if outcome is Outcome.IN_DOUBT:
            self.in_doubt = batch
            raise BusUnavailable("no answer")


class Handled:
    """Results that a test says are handled."""

    has_pending = False

    def __init__(self) -> None:
        self.handled: list[StepResult] = []
        self.some_handled = asyncio.Event()

    def add(self, results: Sequence[StepResult]) -> None:
        self.handled += results
        self.some_handled.set()

    def take_handled(self) -> list[StepResult]:
        self.some_handled.clear()
        handled, self.handled = self.handled, []
        return handled

    def undo(self, result: StepResult) -> None:
        """No result was made after another."""


def result_of(item: Delivery, topic: str = "work") -> StepResult:
    return StepResult(item, [(topic, item.event)])


async def run(plan: Plan) -> tuple[ScriptedCommitter, list[tuple[int, bool]]]:
    """What was made durable, and what was finished and whether it took effect."""
    committer = ScriptedCommitter(plan)
    finished: Noted[tuple[int, bool]] = Noted()

    async def reprocess(item: Delivery) -> StepResult:
        await asyncio.sleep(0)
        return result_of(item, AGAIN)

    source = Handled()
    queue = CommitQueue(
        source,
        committer.commit,
        dead_letter=lambda item, error: result_of(item, DEAD),
        reprocess=reprocess,
        finished=lambda results, took_effect: finished.note(
            *((result.delivery.position.offset, took_effect) for result in results)
        ),
        enough=100,
        first_pause_seconds=0,
        max_pause_seconds=0,
    )
    committing = asyncio.create_task(queue.run())
    results = [result_of(delivery(number, key)) for number, key in enumerate(plan.keys)]
    for size in plan.portions:
        source.add(results[:size])
        del results[:size]
        await asyncio.sleep(0)
    if plan.finish_after is None:
        await finished.until(len(plan.keys))
    else:
        everything = asyncio.create_task(finished.until(len(plan.keys)))
        planned = asyncio.create_task(committer.at_call.wait())
        await asyncio.wait((everything, planned), return_when=asyncio.FIRST_COMPLETED)
        everything.cancel()
        planned.cancel()
    queue.finish()
    async with asyncio.timeout(180):
        await committing
    assert queue.problem is None or plan.finish_after is not None
    return committer, finished


def outcome_of(plan: Plan) -> tuple[ScriptedCommitter, list[tuple[int, bool]]]:
    with capture_logs():  # to format a traceback takes longer than all the rest
        return asyncio.run(run(plan))


@given(plans())
def test_each_result_is_finished_once_and_durable_at_most_once(plan: Plan) -> None:
    committer, finished = outcome_of(plan)
    numbers = [number for number, _ in finished]
    took_effect = [number for number, effect in finished if effect]
    acked = [item.position.offset for item in committer.acked]
    lost = [item.position.offset for item in committer.lost]
    assert len(numbers) == len(set(numbers)), "finished twice"
    assert len(acked) == len(set(acked)), "durable twice"
    assert sorted(number for number, effect in finished if not effect) == sorted(lost)
    if plan.finish_after is None:
        assert sorted(numbers) == list(range(len(plan.keys)))
        assert sorted(took_effect) == sorted(acked)
    else:
        # What could not be written when it was to finish is dropped, and handled by another worker.
        assert set(took_effect) <= set(acked)
    for key in KEYS:
        of_key = [number for number in acked if plan.keys[number] == key]
        assert of_key == sorted(of_key), "out of order"
    topics = {event.id: topic for topic, event in committer.durable}
    for number in acked:
        expected = DEAD if number in plan.spoiled else "work"
        expected = AGAIN if number in plan.conflicting else expected
        assert topics[f"event-{number}"] == expected


@given(plans())
def test_nothing_that_is_dropped_at_the_end_is_overtaken(plan: Plan) -> None:
    """It will be handled again, and so will be what came after it."""
    committer, _ = outcome_of(plan)
    acked = {item.position.offset for item in committer.acked}
    settled = acked | {item.position.offset for item in committer.lost} | plan.conflicting
    dropped = set(range(len(plan.keys))) - settled
    for number in dropped:
        later = [n for n in acked if n > number and plan.keys[n] == plan.keys[number]]
        assert not later


async def test_a_conflict_is_handled_again_and_the_rest_is_committed_as_it_is() -> None:
    plan = Plan("abc", (3,), (), frozenset({2}), frozenset({1}), None)
    committer, finished = await run(plan)
    assert [topic for topic, _ in committer.durable] == ["work", AGAIN, DEAD]
    assert finished == [(0, True), (1, True), (2, True)]
