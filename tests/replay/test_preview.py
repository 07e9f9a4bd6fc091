"""A preview says what a replay would change, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal import Context, Reject, stage
from lineal.bus.protocol import Selection
from lineal.replay import plan_replay, preview_replay, run_replay
from lineal.replay.comparison import differences
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.declaration import Stage
from lineal_schemas.envelope import first_event
from lineal_schemas.payload import Payload


class PreviewOrder(Payload, type="test.preview_order", version=1):
    order: str
    amount: int

    def correlation_key(self) -> str:
        return f"order:{self.order}"


class PreviewPriced(Payload, type="test.preview_priced", version=1):
    order: str
    price: int
    tags: tuple[str, ...] = ()


@stage("price", version="1", produces=PreviewPriced)
async def price(order: PreviewOrder) -> PreviewPriced:
    return PreviewPriced(order=order.order, price=order.amount * 2, tags=("old",))


async def _newer(order: PreviewOrder, ctx: Context) -> PreviewPriced:
    if order.amount == 9:
        raise Reject("nine is too much")
    if order.amount < 5:
        return PreviewPriced(order=order.order, price=order.amount * 2, tags=("old",))
    return PreviewPriced(order=order.order, price=order.amount * 3, tags=("new", "old"))


newer: Stage = stage("price", version="2", produces=PreviewPriced)(_newer)


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path / "data")) as opened:
        events = [
            first_event(PreviewOrder(order=f"o{n}", amount=n), id=f"event-{n}", source="test:")
            for n in range(10)
        ]
        await opened.bus.publish([(event.type, event) for event in events])
        plan = await plan_replay(opened, price, Selection())
        await run_replay(opened, plan, _NoWorkers(), lambda outcomes: None)  # type: ignore[arg-type]
        yield opened


class _NoWorkers:
    pass


async def _count(runtime: Runtime) -> dict[str, int]:
    topics = {info.topic: info.events for info in await runtime.bus.topics()}
    ledger = await runtime.store.read(
        lambda c: int(c.execute("SELECT count(*) FROM ledger").fetchone()[0])
    )
    return topics | {"ledger": ledger}


async def test_another_version_is_compared_with_what_there_is_and_publishes_nothing(
    runtime: Runtime,
) -> None:
    before = await _count(runtime)
    plan = await plan_replay(runtime, newer, Selection())
    preview = await preview_replay(runtime, plan, _NoWorkers())  # type: ignore[arg-type]
    assert (preview.events, preview.unchanged, preview.changed, preview.failed) == (10, 5, 4, 1)
    assert preview.fields == {"price": 4, "tags.*": 4}
    problem, *changed = preview.examples
    assert problem.problem == "Reject: nine is too much"
    found = {item.path: (item.old, item.new) for item in changed[0].differences}
    assert found.keys() == {"price", "tags.*"}
    assert await _count(runtime) == before


async def test_the_same_version_changes_nothing_and_a_sample_is_the_same_each_time(
    runtime: Runtime,
) -> None:
    plan = await plan_replay(runtime, price, Selection())
    preview = await preview_replay(runtime, plan, _NoWorkers())  # type: ignore[arg-type]
    assert (preview.unchanged, preview.changed) == (10, 0)

    plan = await plan_replay(runtime, newer, Selection())
    draws = [
        await preview_replay(runtime, plan, _NoWorkers(), sample=6)  # type: ignore[arg-type]
        for _ in range(2)
    ]
    assert [item.events for item in draws] == [6, 6]
    assert draws[0].to_dict() == draws[1].to_dict()


def test_differences_are_named_by_field() -> None:
    old = {"a": 1, "b": [1, 2, 3], "c": {"d": "x"}, "gone": None}
    new = {"a": 2, "b": [1, 9, 3], "c": {"d": "x", "e": True}}
    assert [(item.path, item.kind, item.old, item.new) for item in differences(old, new)] == [
        ("a", "changed", "1", "2"),
        ("b.1", "changed", "2", "9"),
        ("c.e", "added", None, "true"),
        ("gone", "removed", "null", None),
    ]
    longer = differences({"b": ["x", "y"]}, {"b": ["w", "x", "y"]})
    assert [(item.field, item.kind, item.new) for item in longer] == [("b.*", "added", "w")]
