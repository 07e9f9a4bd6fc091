"""The simulated turbine looks like the published one, and its faults like faults."""

from __future__ import annotations

import statistics

import pytest

from lineal_edge.sources.simulator import Simulator
from lineal_schemas.telemetry import TURBINE_FEATURES
from lineal_scoring.turbine.simulation import Fault, Turbine, parse_fault

RPS, WIND, VOLTAGE, ROLL = map(TURBINE_FEATURES.index, ("rps", "wind_speed_rps", "voltage", "roll"))


def run(seconds: float, *faults: Fault, seed: int = 5) -> list[tuple[float, ...]]:
    source = Simulator(seed, faults=faults, hurry=True)
    readings = source.readings()
    return [next(readings) for _ in range(int(seconds * 20))]


def column(rows: list[tuple[float, ...]], index: int) -> list[float]:
    return [row[index] for row in rows]


def test_means_and_spreads_are_those_of_the_published_turbine() -> None:
    rows = run(1200)
    published = {
        "roll": (-0.00796, 0.00749), "pitch": (0.00117, 0.00428),
        "wind_speed_rps": (2.15398, 0.35432), "rps": (1.61063, 0.46954),
        "voltage": (47.79383, 15.94324),
    }  # fmt: skip
    for name, (mean, spread) in published.items():
        values = column(rows, TURBINE_FEATURES.index(name))
        assert abs(statistics.mean(values) - mean) < spread, name
        assert spread / 4 < statistics.stdev(values) < spread * 4, name


def test_a_seed_gives_the_same_readings_and_another_seed_does_not() -> None:
    assert run(5) == run(5)
    assert run(5) != run(5, seed=6)


def test_before_a_fault_begins_and_after_it_ended_all_is_as_it_was() -> None:
    healthy = run(30)
    faulty = run(30, Fault("generator", start=10, seconds=10))
    assert faulty[:200] == healthy[:200]
    assert faulty[200:400] != healthy[200:400]
    assert faulty[400:] == healthy[400:]


def test_an_imbalanced_blade_makes_the_nacelle_swing() -> None:
    swing = statistics.stdev(column(run(60, Fault("blade_imbalance")), ROLL))
    assert swing > 4 * statistics.stdev(column(run(60), ROLL))


def test_a_broken_generator_gives_too_little_voltage_for_its_speed() -> None:
    rows, healthy = run(60, Fault("generator")), run(60)
    assert column(rows, RPS) == column(healthy, RPS)
    assert statistics.mean(column(rows, VOLTAGE)) < 0.6 * statistics.mean(column(healthy, VOLTAGE))


def test_a_stuck_sensor_repeats_itself_and_the_others_go_on() -> None:
    rows = run(10, Fault("stuck_sensor", start=5))
    assert len(set(column(rows[100:], RPS))) == 1
    assert len(set(column(rows[100:], VOLTAGE))) > 50


def test_a_broken_wind_sensor_shows_little_wind_while_the_rotor_turns() -> None:
    rows, healthy = run(60, Fault("wind_sensor")), run(60)
    assert column(rows, RPS) == column(healthy, RPS)
    assert statistics.mean(column(rows, WIND)) < 0.5 * statistics.mean(column(healthy, WIND))


def test_drift_moves_everything_slowly_and_together() -> None:
    rows, healthy = run(600, Fault("drift")), run(600)
    assert statistics.mean(column(rows, VOLTAGE)) > 1.2 * statistics.mean(column(healthy, VOLTAGE))
    assert statistics.mean(column(rows, WIND)) > 1.1 * statistics.mean(column(healthy, WIND))


def test_faults_are_written_in_one_word() -> None:
    assert parse_fault("generator") == Fault("generator")
    assert parse_fault("drift:start=60,severity=0.5") == Fault("drift", start=60, severity=0.5)


@pytest.mark.parametrize("text", ["", "gremlins", "generator:when=5", "generator:start=soon"])
def test_a_fault_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fault|float"):
        parse_fault(text)


def test_time_goes_on_with_the_readings() -> None:
    turbine = Turbine(1, rate=50)
    for _ in range(100):
        turbine.fields()
    assert turbine.time == pytest.approx(2.0)
