"""CSV files as people's machines write them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lineal_scoring.csv_readings import CsvLayout, detect_layout


def layout_of(folder: Path, text: str, encoding: str = "utf-8") -> CsvLayout:
    file = folder / "run.csv"
    file.write_bytes(text.encode(encoding))
    return detect_layout(file)


def numbers(folder: Path, layout: CsvLayout) -> list[list[float | None]]:
    at = [layout.header.index(name) for name in layout.columns]
    return [[layout.number(row[i]) for i in at] for row in layout.rows(folder / "run.csv")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_decimal_commas_marks_and_delimiters_are_understood(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    text = "Druck;Fluß\n1,5;20\n-0,25;21,5\n".replace(";", delimiter)
    layout = layout_of(tmp_path, text, encoding)
    assert layout.columns == ("Druck", "Fluß")
    assert numbers(tmp_path, layout) == [[1.5, 20.0], [-0.25, 21.5]]


def test_points_stay_points_where_commas_separate(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, "a,b\n1.5,2\n,3e-2\n")
    assert layout.columns == ("a", "b"), "an empty first cell drops no column"
    assert numbers(tmp_path, layout)[0] == [1.5, 2.0]
    assert math.isnan(numbers(tmp_path, layout)[1][0] or 0)
    assert numbers(tmp_path, layout)[1][1] == 0.03


def test_every_column_that_is_left_out_is_named_with_its_reason(tmp_path: Path) -> None:
    text = (
        "when,a,state,anomaly,nothing\n2020-03-09 10:34:33,1,on,0,\n2020-03-09 10:34:34,2,off,1,\n"
    )
    layout = layout_of(tmp_path, text)
    assert layout.columns == ("a",)
    reasons = dict(layout.left_out)
    assert reasons["when"] == "it is a time"
    assert "'on'" in reasons["state"]
    assert "label" in reasons["anomaly"]
    assert "empty" in reasons["nothing"]


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, "t,t,\n1,2,3\n")
    assert layout.columns == ("t", "t_2", "column_3")
    assert numbers(tmp_path, layout) == [[1.0, 2.0, 3.0]]


@pytest.mark.parametrize("text", ["1_000", "0x10", "1,000.5", "12 bar", "١٢"])
def test_texts_that_python_would_take_for_numbers_are_none(tmp_path: Path, text: str) -> None:
    assert layout_of(tmp_path, "a;b\n1.5;2\n").number(text) is None


@pytest.mark.parametrize("text", ["", " ", "null", "NaN", "n/a", "-", "inf"])
def test_missing_values_have_many_names(tmp_path: Path, text: str) -> None:
    assert math.isnan(layout_of(tmp_path, "a;b\n1.5;2\n").number(text) or 0)


@pytest.mark.parametrize(
    "above", ["sep=;\n", "\n", "Logger 7\nPlace: Berlin, Wedding\n\n", 'Title;"of the; run"\n\n']
)
def test_lines_above_the_header_are_passed_over(tmp_path: Path, above: str) -> None:
    rows = "".join(f"28.11.2026 09:00:{n:02};{n % 7},5;{n}\n" for n in range(20))
    layout = layout_of(tmp_path, f"{above}Zeit;Druck;Fluß\n{rows}")
    assert layout.columns == ("Druck", "Fluß")
    assert numbers(tmp_path, layout)[:2] == [[0.5, 0.0], [1.5, 1.0]]
    assert len(numbers(tmp_path, layout)) == 20


def test_values_are_no_header(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="values, not names"):
        layout_of(tmp_path, "2026-11-28 09:00:00;0,5;20,1\n2026-11-28 09:00:01;1,5;20,2\n")


def test_decimals_that_begin_late_are_read(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, "a;b\n" + "1;2\n" * 600 + "3,5;\N{MINUS SIGN}4,5\n")
    assert numbers(tmp_path, layout)[-1] == [3.5, -4.5]


@pytest.mark.parametrize("name", ["timestamp", "Time (ms)", "Zeit"])
def test_numbers_that_are_a_clock_are_no_readings(tmp_path: Path, name: str) -> None:
    rows = "".join(f"{1764320400000 + 100 * n},{n % 5}.5\n" for n in range(20))
    layout = layout_of(tmp_path, f"{name},p\n{rows}")
    assert dict(layout.left_out) == {name: "it is a time"}
    falling = "".join(f"{9 - n % 5},{n}\n" for n in range(20))
    assert layout_of(tmp_path, f"{name},p\n{falling}").columns == (name, "p")
