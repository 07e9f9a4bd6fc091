"""The simulation of the bus: where it can be reckoned, it says what is reckoned."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulation import Cluster, simulate, table
from lineal_cli.capacity import BROKER_US, LEDGER_US, WORKER_US, Load, plan

SCALE = Path(__file__).parents[2] / "docs" / "scale.md"


def test_one_worker_makes_as_many_steps_as_its_core_has_time_for() -> None:
    found = simulate(Cluster(workers=1, partitions=8, handler_us=200), seconds=20.0)
    assert found.handled == pytest.approx(1e6 / (WORKER_US + 200), rel=0.02)
    assert found.limit == "workers"


def test_what_shares_the_cores_shares_their_time() -> None:
    found = simulate(Cluster(workers=4, partitions=8, cores=2, handler_us=200), seconds=20.0)
    most = 2e6 / (WORKER_US + 200 + BROKER_US)
    least = 2e6 / (WORKER_US + 200 + BROKER_US + LEDGER_US["sqlite"])
    assert 0.97 * least <= found.handled <= 1.03 * most
    assert found.limit == "cores"


def test_a_ledger_that_is_behind_is_what_can_be_sustained() -> None:
    found = simulate(Cluster(workers=16, partitions=32, brokers=8))
    assert found.limit == "ledgers"
    assert found.sustained == pytest.approx(1e6 / LEDGER_US["sqlite"], rel=0.05)


def test_workers_without_a_partition_do_nothing() -> None:
    few = simulate(Cluster(workers=4, partitions=4, brokers=4, logs=4))
    many = simulate(Cluster(workers=12, partitions=4, brokers=4, logs=4))
    assert many.handled == pytest.approx(few.handled, rel=0.02)
    assert many.limit == "partitions"


def test_the_events_of_one_key_are_one_workers() -> None:
    found = simulate(
        Cluster(workers=8, partitions=16, brokers=4, logs=4, rate=80_000, hot_share=0.5)
    )
    assert found.limit == "one key"
    assert found.handled < 60_000


def test_what_comes_slower_than_it_can_be_handled_is_all_handled() -> None:
    found = simulate(Cluster(workers=4, partitions=8, brokers=3, rate=5_000))
    assert found.handled == pytest.approx(5_000, rel=0.02)
    assert found.limit == "nothing"


@settings(max_examples=25, deadline=None)
@given(
    workers=st.integers(1, 6),
    partitions=st.integers(1, 12),
    logs=st.integers(1, 3),
    cores=st.sampled_from([1.0, 2.0, math.inf]),
    handler_us=st.sampled_from([0.0, 100.0, 1000.0]),
)
def test_nothing_is_done_without_time_for_it(
    workers: int, partitions: int, logs: int, cores: float, handler_us: float
) -> None:
    each = WORKER_US + handler_us
    batch = 450  # what was begun before the time that is counted
    # workers that share few cores finish their batches together: the half that is counted has room
    # for two of each, so that one is committed in it
    together = workers * batch * (each + BROKER_US + LEDGER_US["sqlite"]) / min(cores, workers)
    found = simulate(
        Cluster(workers=workers, partitions=partitions, logs=logs, cores=cores,
                handler_us=handler_us),
        seconds=max(2.0, 2 * 2 * together / 1e6),
    )  # fmt: skip
    assert found.handled <= min(workers, partitions, cores) * 1e6 / each + 2 * workers * batch
    assert found.recorded <= logs * 1e6 / LEDGER_US["sqlite"] + 20 * batch
    assert found.handled > 0


@pytest.mark.parametrize("rate", [1_000, 10_000, 100_000])
def test_what_is_planned_carries_the_load(rate: int) -> None:
    """The plan adds up what the simulation plays through."""
    wanted = plan(Load(rate=rate, bytes=1000))
    found = simulate(
        Cluster(
            workers=wanted.workers_per_stage,
            partitions=wanted.partitions * wanted.logs,
            brokers=wanted.brokers,
            logs=wanted.logs,
            rate=rate,
        ),
        seconds=4.0,
    )
    assert found.limit == "nothing"
    assert found.sustained >= 0.95 * rate


def test_the_page_shows_what_the_simulation_says() -> None:
    text = SCALE.read_text()
    assert [line for line in table() if line not in text] == []
