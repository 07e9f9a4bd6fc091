"""Exported CSV runs nothing in a spreadsheet program, and loses nothing but that."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_catalog.documents.csv_guard import guard_csv


@pytest.mark.parametrize(
    "cell", ["=1+1", "=cmd|'/c calc'!A1", "+A1", "-A1", "@SUM(A1)", "\t=1", " =1", "＝1", "-2+3=1"]
)
def test_a_cell_that_begins_like_a_formula_is_text(cell: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerow(["a", cell])
    (row,) = csv.reader(io.StringIO(guard_csv(out.getvalue().encode()).decode(), newline=""))
    assert row == ["a", f"'{cell}"]


@pytest.mark.parametrize("cell", ["-5", "+49 30 901820", "-1,234.50 €", "a=b", "", "-12 %"])
def test_numbers_and_words_are_left_as_they_are(cell: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerow([cell, "x"])
    (row,) = csv.reader(io.StringIO(guard_csv(out.getvalue().encode()).decode(), newline=""))
    assert row == [cell, "x"]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"))


@given(st.lists(st.lists(CELLS, min_size=2)))
def test_nothing_else_is_changed(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    guarded = list(csv.reader(io.StringIO(guard_csv(out.getvalue().encode()).decode(), newline="")))
    assert [[cell.removeprefix("'") for cell in row] for row in guarded] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert guard_csv(guard_csv(out.getvalue().encode())) == guard_csv(out.getvalue().encode())
