"""From clicks to verdicts, corrections, and a model that was learnt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal.testing import StageHarness
from lineal_cli.examples.click_simulation import EVALUATION, TRAINING, WINDOW_US, visits
from lineal_consumers.clicks.config import ClicksConfig
from lineal_consumers.clicks.features import FEATURES, MAX_KEPT, Clicks
from lineal_consumers.clicks.stage import clicks, learn, score
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.stage import evaluate, promote, retrain, train
from lineal_schemas.clicks import ClickInvalid, ClickReceived, VisitClosed, VisitLabelled
from lineal_schemas.models import ModelEvaluated, ModelPromoted, ModelTrainingRequested

BEGIN_US = 2_996_000 * WINDOW_US
SECOND = 1_000_000


def click(at: float, visitor: str = "v", target: str = "t") -> ClickReceived:
    return ClickReceived(visitor=visitor, target=target, at_us=BEGIN_US + int(at * SECOND))


@pytest.fixture
async def harness() -> AsyncIterator[StageHarness]:
    async with StageHarness(clicks, score, config=ClicksConfig(), start_us=BEGIN_US) as made:
        yield made


async def send(harness: StageHarness, them: Iterable[ClickReceived]) -> list[ClickInvalid]:
    before = len(harness.outputs(ClickInvalid))
    for one in them:
        await harness.send(one)
    return harness.outputs(ClickInvalid)[before:]


async def test_a_window_closes_by_itself_and_a_steady_pace_is_invalid(
    harness: StageHarness,
) -> None:
    assert await send(harness, [click(10 * n, "robot") for n in range(1, 20)]) == []
    assert await send(harness, [click(n**2.1, "person") for n in range(1, 20)]) == []
    await harness.clock.advance(631)
    (invalid,) = harness.outputs(ClickInvalid)
    assert (invalid.visitor, invalid.clicks, invalid.withdrawn) == ("robot", 19, False)
    assert invalid.reasons == ("pauses differ less than min_variation",)
    assert invalid.model is None
    assert {one.visitor for one in harness.outputs(VisitClosed)} == {"robot", "person"}


async def test_late_clicks_take_a_verdict_back_and_others_bring_it_again(
    harness: StageHarness,
) -> None:
    await send(harness, [click(10 * n) for n in range(1, 12)])
    await harness.clock.advance(700)
    late = await send(harness, [click(13), click(14), click(500)])
    assert [one.withdrawn for one in late] == [True]
    assert late[0].revision == 2
    fast = await send(harness, [click(100 + n / 10) for n in range(300)])
    assert [one.withdrawn for one in fast][-1:] == [False]
    assert fast[-1].reasons == ("more clicks in a minute than max_per_minute",)


async def test_few_clicks_are_never_called_robotic(harness: StageHarness) -> None:
    await send(harness, [click(n) for n in range(1, 6)])
    await harness.clock.advance(3 * 3600)
    assert harness.outputs(ClickInvalid) == []


async def test_nothing_is_kept_of_visitors_who_left(harness: StageHarness) -> None:
    for number in range(30):
        await send(harness, [click(10 * n, f"v{number}") for n in range(1, 8)])
    await harness.clock.advance(2 * 3600)
    assert len(harness.outputs(ClickInvalid)) == 30
    await harness.clock.advance(3 * 3600)
    for stage in (clicks, score):
        assert await harness.state_items(stage, "", bytes) == {}
        assert await harness.timers(stage) == {}


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_features_do_not_depend_on_the_order_and_state_is_bounded(data: st.DataObject) -> None:
    times = data.draw(st.lists(st.integers(0, 600), min_size=1, max_size=130, unique=True))
    made = [click(at, target=f"t{at % 7}") for at in times]
    shuffled = data.draw(st.permutations(made))
    one, other = Clicks(), Clicks()
    for first, second in zip(made, shuffled, strict=True):
        one, other = one.with_click(first), other.with_click(second)
    assert one == other
    assert len(one.kept) == min(len(made), MAX_KEPT)
    assert one.count == len(made)
    features = one.features()
    assert tuple(features) == FEATURES
    assert all(-1e6 < value < 1e6 for value in features.values())


async def test_labelled_visits_become_a_model_and_only_reviewers_label() -> None:
    config = [
        ClicksConfig(),
        RetrainConfig.model_validate(
            {"models": {"clicks": {"kind": "clicks", "rounds": 60, "min_precision": 0.85}}}
        ),
    ]
    stages = (clicks, score, learn, retrain, train, evaluate, promote)
    async with StageHarness(*stages, config=config, start_us=BEGIN_US) as harness:
        for visit in visits(450, seed=1, robots=TRAINING, begin_us=BEGIN_US):
            made = Clicks()
            for one in visit.clicks:
                made = made.with_click(one)
            labelled = VisitLabelled(
                visitor=visit.visitor, begin_us=BEGIN_US, end_us=BEGIN_US + WINDOW_US,
                features=made.features(), robotic=visit.is_robotic, by="user:ann", labelled_us=1,
            )  # fmt: skip
            await harness.send(labelled, actor="user:ann")
        assert harness.dead_letters == []
        await harness.send(labelled)
        assert {one.error_class for one in harness.dead_letters} == {"SenderNotPermitted"}
        request = ModelTrainingRequested(name="clicks", cause="manual", requested_us=1)
        found = await harness.send(request)
        (promoted,) = [one for one in found if isinstance(one, ModelPromoted)]
        (evaluated,) = harness.outputs(ModelEvaluated)
        assert evaluated.metrics["precision"] >= 0.9
        file = await harness.get(promoted.artifact)
        await harness.use_artifact("clicks", file, media_type="application/x-onnx")
        robots = {"hammer": 0, "metronome": 0, "replay": 0}
        for visit in visits(60, seed=9, robots=EVALUATION, share=1.0, begin_us=BEGIN_US):
            if visit.kind in robots and len(visit.clicks) >= 8 and robots[visit.kind] < 2:
                robots[visit.kind] += 1
                await send(harness, visit.clicks)
        await harness.clock.advance(1300)
        invalid = harness.outputs(ClickInvalid)
        assert len(invalid) >= 5
        assert all(one.model is not None and one.score > one.threshold for one in invalid)
