"""A CSV file played as readings."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lineal_edge.sources.replay import CsvReplay


def write(folder: Path, text: str) -> Path:
    file = folder / "run.csv"
    file.write_text(text)
    return file


def test_numeric_columns_are_taken_and_a_text_column_is_not(tmp_path: Path) -> None:
    file = write(tmp_path, "datetime;a;b\n2020-01-01 10:00;1;2.5\n2020-01-01 10:01;3;4.5\n")
    source = CsvReplay(file, rate=None)
    assert source.features == ("a", "b")
    assert list(source.readings()) == [(1.0, 2.5), (3.0, 4.5)]


def test_columns_can_be_chosen(tmp_path: Path) -> None:
    source = CsvReplay(write(tmp_path, "a,b,c\n1,2,3\n"), rate=None, features=["c", "a"])
    assert list(source.readings()) == [(3.0, 1.0)]


def test_what_is_missing_or_infinite_is_a_missing_value(tmp_path: Path) -> None:
    source = CsvReplay(write(tmp_path, "a,b\n1,2\n,nan\ninf,4\n"), rate=None)
    rows = list(source.readings())
    assert [tuple(map(math.isnan, row)) for row in rows] == [
        (False, False), (True, True), (True, False),
    ]  # fmt: skip


def test_broken_rows_are_counted_and_skipped(tmp_path: Path) -> None:
    source = CsvReplay(write(tmp_path, "a,b\n1,2\n3\nx,y\n5,6,7\n\n8,9\n"), rate=None)
    assert list(source.readings()) == [(1.0, 2.0), (8.0, 9.0)]
    assert source.counts.bad_lines == 4


@pytest.mark.parametrize("text", ["", "a,b\n", "a,b\nx,y\n"])
def test_a_file_without_numbers_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="has no"):
        CsvReplay(write(tmp_path, text), rate=None)


def test_it_begins_anew_when_asked_to_and_ends_when_closed(tmp_path: Path) -> None:
    source = CsvReplay(write(tmp_path, "a\n1\n2\n"), rate=None, repeat=True)
    taken = []
    for values in source.readings():
        taken.append(values[0])
        if len(taken) == 5:
            source.close()
    assert taken == [1, 2, 1, 2, 1]


def test_a_real_run_is_played_whole() -> None:
    files = sorted((Path(__file__).parents[4] / "shared" / "data" / "skab").rglob("valve1/*.csv"))
    if not files:
        pytest.skip("the SKAB runs are not there")
    source = CsvReplay(files[0], rate=None)
    rows = list(source.readings())
    assert len(rows) == len(files[0].read_text().splitlines()) - 1
    assert source.counts.bad_lines == 0
