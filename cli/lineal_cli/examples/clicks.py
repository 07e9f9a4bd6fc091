"""``lineal examples run clicks``: people and robots click."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal_cli.examples.example_run import ExampleRun
    from lineal_schemas.clicks import ClickInvalid

_STAGES = (
    "clicks", "clicks.score", "clicks.learn", "retrain", "retrain.train", "retrain.evaluate",
    "retrain.promote",
)  # fmt: skip
_LABELLED, _NEW = 600, 100


async def show(example: ExampleRun) -> list[str]:
    """Rules find some robots; labelled visits make a model that finds more; a verdict is taken
    back."""
    from lineal.access.credential import owner_credential
    from lineal_cli.examples.click_simulation import (
        EVALUATION,
        KINDS,
        TRAINING,
        WINDOW_US,
        visits,
    )
    from lineal_consumers.clicks.features import Clicks
    from lineal_schemas.clicks import ClickInvalid, ClickReceived, VisitClosed, VisitLabelled
    from lineal_schemas.envelope import now_us
    from lineal_schemas.models import ModelEvaluated

    settings = {
        "retrain": {
            "models": {"clicks": {"kind": "clicks", "purpose": "Finds visits that robots made."}}
        }
    }
    by, now = owner_credential().actor, now_us()
    window = now - now % WINDOW_US - 3 * WINDOW_US  # some of the past: its windows close at once
    async with example.running(_STAGES, settings):

        async def click(number: int, seed: int, begin_us: int) -> dict[str, str]:
            """Have visitors click; who they are. A last click, of the window after, closes each."""
            kinds = {}
            for visit in visits(number, seed=seed, robots=EVALUATION, begin_us=begin_us):
                kinds[visit.visitor] = visit.kind
                last = ClickReceived(
                    visitor=visit.visitor, target="t0", at_us=begin_us + WINDOW_US + 40_000_000
                )
                await example.publish(*visit.clicks, last)
            await example.until_idle()
            return kinds

        example.report(f"{_NEW} visitors click; nothing was learnt yet, so rules decide ...")
        first = await click(_NEW, 7, window)
        by_rules = _found(await example.events_of(ClickInvalid), first, window)
        example.report("somebody's clicks look like a robot's, until late ones come ...")
        late = [
            ClickReceived(visitor="late", target=f"t{at}", at_us=window + at * 1_000_000)
            for at in (3, 4, 7, 9, 40, 55, 57, 90, 140, 141, 200, 260)
        ]
        steady = [
            ClickReceived(visitor="late", target="t1", at_us=window + at * 1_000_000)
            for at in range(20, 90, 10)
        ]
        closing = ClickReceived(visitor="late", target="t0", at_us=window + WINDOW_US + 40_000_000)
        await example.publish(*steady, closing)
        await example.until_idle()
        await example.publish(*late)
        await example.until_idle()
        verdicts = [
            one.withdrawn for one in await example.events_of(ClickInvalid) if one.visitor == "late"
        ]
        example.report(
            f"{_LABELLED} visits of which somebody knows who made them are learnt from ..."
        )
        labelled = []
        for visit in visits(_LABELLED, seed=1, robots=TRAINING, begin_us=window):
            clicks = Clicks()
            for one in visit.clicks:
                clicks = clicks.with_click(one)
            labelled.append(
                VisitLabelled(
                    visitor=visit.visitor, begin_us=window, end_us=window + WINDOW_US,
                    features=clicks.features(), robotic=visit.is_robotic, by=by, labelled_us=now,
                )
            )  # fmt: skip
        await example.publish(*labelled)
        await example.until_idle()
        await example.learn("clicks")
        (evaluated,) = await example.events_of(ModelEvaluated)
        example.report(f"{_NEW} others click ...")
        second = await click(_NEW, 8, window)
        found = _found(await example.events_of(ClickInvalid), second, window)

        closed = await example.events_of(VisitClosed)
    robots = sum(kind in KINDS for kind in second.values())
    right = sum(second[visitor] != "person" for visitor in found)
    right_by_rules = sum(first[visitor] != "person" for visitor in by_rules)
    corrected = max(one.revision for one in closed if one.visitor == "late")
    return [
        f"rules found {right_by_rules} of {sum(kind in KINDS for kind in first.values())} robots, "
        f"and took {len(by_rules) - right_by_rules} people for robots",
        f"learnt: precision {evaluated.metrics['precision']:.3f}, recall "
        f"{evaluated.metrics['recall']:.3f} on {evaluated.metrics['visits']:.0f} visits of others",
        f"of {len(second)} new visitors it found {right} of {robots} robots, of other parameters "
        f"than those that were learnt from, and took {len(found) - right} people for robots",
        f"a visit was corrected {corrected - 1} times by clicks that came late; verdicts of it: "
        f"{['withdrawn' if one else 'invalid' for one in verdicts]}",
    ]


def _found(said: list[ClickInvalid], visitors: dict[str, str], begin_us: int) -> set[str]:
    return {
        one.visitor
        for one in said
        if one.visitor in visitors and one.begin_us == begin_us and not one.withdrawn
    }
