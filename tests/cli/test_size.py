"""``lineal size``: what a rate takes, as a table and as JSON, and as docs/scale.md shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmarks.lineage import LineageSteps, append_steps, new_database, pages_bytes
from lineal_cli.capacity import (
    LEDGER_BYTES,
    MAX_PARTITIONS,
    UTILISATION,
    WORKER_US,
    Load,
    plan,
)
from lineal_cli.main import app

SCALE = Path(__file__).parents[2] / "docs" / "scale.md"


def sized(*arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["size", *arguments, "--json"])
    assert done.exit_code == code, done.output
    return orjson.loads(done.stdout)


def test_ten_thousand_a_second_take_two_workers_and_one_log() -> None:
    found = sized("--rate", "10000", "--bytes", "1000")
    assert (found["workers"], found["logs"], found["brokers"]) == (2, 1, 3)
    assert found["store_bytes_per_day"] == 10_000 * LEDGER_BYTES * 86_400


def test_a_step_takes_as_many_bytes_of_the_ledger_as_a_plan_counts(tmp_path: Path) -> None:
    with new_database(tmp_path) as database:
        empty = pages_bytes(database)
        append_steps(database, LineageSteps(), 20_000)
        found = (pages_bytes(database) - empty) / 20_000
    assert found == pytest.approx(LEDGER_BYTES, rel=0.05)


def test_data_that_is_too_large_for_a_topic_is_in_the_object_store() -> None:
    inline, stored = (sized("--rate", "20", "--bytes", size) for size in ("60000", "600000"))
    assert inline["object_bytes_per_day"] == 0
    assert stored["object_bytes_per_day"] == 20 * 2 * 600_000 * 86_400
    assert stored["broker_bytes_per_day"] < inline["broker_bytes_per_day"] / 10


def test_what_is_one_process_says_when_it_is_not_enough() -> None:
    assert sized("--rate", "5000", "--bus", "embedded")["fits"]
    found = sized("--rate", "50000", "--bus", "embedded", code=1)
    assert not found["fits"]
    assert "--bus kafka" in found["notes"][0]


def test_a_ledger_that_would_be_too_slow_becomes_several() -> None:
    few = sized("--rate", "100000")
    many = sized("--rate", "100000", "--store", "postgres")
    assert 1 < few["logs"] < many["logs"]
    assert any("kafka.prefix" in note for note in few["notes"])


def test_functions_that_cost_more_take_more_workers() -> None:
    cheap, dear = sized("--rate", "1000"), sized("--rate", "1000", "--handler-us", "5000")
    assert cheap["workers"] == 1
    assert dear["workers"] == 9


@pytest.mark.parametrize("wrong", [["--rate", "0"], ["--rate", "10", "--bus", "carrier-pigeon"]])
def test_what_cannot_be_is_refused(wrong: list[str]) -> None:
    assert CliRunner().invoke(app, ["size", *wrong]).exit_code == 2


@given(
    rate=st.floats(0.1, 5e6),
    size=st.integers(1, 10_000_000),
    stages=st.integers(1, 12),
    handler_us=st.floats(0, 1e6),
)
def test_a_plan_has_time_for_its_load(
    rate: float, size: int, stages: int, handler_us: float
) -> None:
    load = Load(rate=rate, bytes=size, stages=stages, handler_us=handler_us)
    found = plan(load)
    seconds = rate * (WORKER_US + handler_us) / 1e6
    assert seconds <= found.workers_per_stage * UTILISATION * 1.000001
    assert found.partitions * found.logs >= found.workers_per_stage
    assert found.fits == (found.partitions <= MAX_PARTITIONS)
    twice = plan(Load(rate=2 * rate, bytes=size, stages=stages, handler_us=handler_us))
    assert twice.workers >= found.workers
    assert twice.brokers >= found.brokers


def test_the_page_shows_what_the_command_says() -> None:
    rows = re.findall(r"^\| ([\d,]+) \|(.+)\|$", SCALE.read_text(), re.MULTILINE)
    shown = {int(rate.replace(",", "")): [cell.strip() for cell in rest.split("|")]
             for rate, rest in rows if int(rate.replace(",", "")) >= 10_000}  # fmt: skip
    assert sorted(shown) == [10_000, 100_000, 1_000_000]
    for rate, cells in shown.items():
        found = plan(Load(rate=rate, bytes=1000))
        assert cells == [
            f"{found.workers:,}",
            f"{found.partitions:,}",
            f"{found.brokers:,}",
            f"{found.logs:,}",
            f"{found.cores:,}",
            f"{found.broker_bytes_per_day / 1e12:,.3g} TB",
            f"{found.store_bytes_per_day / 1e12:,.3g} TB",
        ]
