"""An anomaly ends when what opened it is over, or has lasted so long that it is the normal."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lineal_consumers.retrain.settings import HoldRules
from lineal_consumers.retrain.training import train
from lineal_scoring.alarm import Closed, Opened
from lineal_scoring.model import ScoringModel
from lineal_scoring.preparation import Baseline, Hold, Preparation
from lineal_scoring.scorer import DeviceScorer
from tests.scoring.readings import normal, settings

FAULT = slice(800, 1000)


def model(hold: HoldRules | None) -> ScoringModel:
    chosen = settings(hold=hold, margin=1.3, angles=(), features=("rps", "voltage", "temperature"))
    runs = [normal(2000, 1)[:, :3], normal(1500, 2)[:, :3]]
    return ScoringModel(train(chosen, runs, [normal(1500, 3)[:, :3]]).data)


def drops_while_another_rises(rows: int = 2400) -> np.ndarray:
    """The voltage is down for a while; the rotor turns faster from then on, and for good."""
    readings = normal(rows, 7)[:, :3]
    readings[FAULT, 1] -= 12
    readings[:, 0] += 0.9 * np.clip((np.arange(rows) - FAULT.start - 40) / 900, 0, 1)
    return readings


def closings(scoring: ScoringModel, readings: np.ndarray) -> list[int]:
    """When the anomalies ended that began with the fault or after it."""
    _, changes = DeviceScorer(scoring).push(readings, 0)
    begun = {c.first_seq for c in changes if isinstance(c, Opened) and c.last_seq >= FAULT.start}
    return [c.last_seq for c in changes if isinstance(c, Closed) and c.first_seq in begun]


def test_an_anomaly_closes_when_the_channel_that_opened_it_is_back() -> None:
    """... although another has gone elsewhere meanwhile, slowly, and stays there."""
    readings = drops_while_another_rises()
    assert closings(model(HoldRules()), readings)[0] < FAULT.stop + 60
    assert closings(model(None), readings) == [], "all levels held, it never closes"


def test_a_state_that_lasts_becomes_the_new_normal() -> None:
    readings = normal(3000, 7)[:, :3]
    readings[800:, 1] -= 12
    (closed, *_) = closings(model(HoldRules(accept_after=400)), readings)
    assert 1200 <= closed < 1800
    assert closings(model(None), readings) == []


def test_a_snapshot_in_the_middle_of_an_anomaly_goes_on_alike() -> None:
    scoring, readings = model(HoldRules()), drops_while_another_rises()
    expected = DeviceScorer(scoring).push(readings, 0)[1]
    found, scorer = [], DeviceScorer(scoring)
    for begin in range(0, len(readings), 35):
        scorer = DeviceScorer.restored(scoring, scorer.snapshot())
        found += scorer.push(readings[begin : begin + 35], begin)[1]
    assert found == expected


def test_recipes_from_before_there_was_a_hold_are_the_text_they_were() -> None:
    before = Preparation(("a",), 4, 2, baseline=Baseline(span=8, follow=(0.0,)))
    assert "hold" not in json.loads(before.to_json())["baseline"]
    assert Preparation.from_json(before.to_json()) == before
    hold = Hold(departure=(1.5,), span=4, above=5.0, onset=6, accept_after=70)
    held = Preparation(("a",), 4, 2, baseline=Baseline(span=8, follow=(0.0,), hold=hold))
    assert Preparation.from_json(held.to_json()) == held


def test_a_hold_has_a_departure_for_each_channel() -> None:
    with pytest.raises(ValueError, match="each of the 1 channels"):
        hold = Hold(departure=(1.0, 2.0), span=4)
        Preparation(("a",), 4, 2, baseline=Baseline(span=8, follow=(0.0,), hold=hold))
