"""Exported CSV runs nothing in a spreadsheet program, and loses nothing but that."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_catalog.documents.csv_guard import guard_csv


@pytest.mark.parametrize(
    "cell", ["=1+1", "=cmd|'/c calc'!A1", "+A1", "-A1", "@SUM(A1)", "\t=1", " =1", "＝1", "-2+3=1",
     "\u00a0=1", "\ufeff=1", "\u200b=1", "−1+A1", "＠SUM(A1)"]
)  # fmt: skip
def test_a_cell_that_begins_like_a_formula_is_text(cell: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerow(["a", cell])
    (row,) = csv.reader(io.StringIO(guard_csv(out.getvalue().encode()).decode(), newline=""))
    assert row == ["a", f"'{cell}"]


@pytest.mark.parametrize(
    ("cell", "guarded"),
    [
        ("1;=cmd|'/c calc'!A1", "1;'=cmd|'/c calc'!A1"),
        ("x; +A1;@y", "x;' +A1;'@y"),
        ("two lines\n=1+1", "two lines\n'=1+1"),
        ("1;-5;+3", "1;-5;+3"),
        ("a;b\nc", "a;b\nc"),
    ],
)
def test_nor_does_a_cell_begin_with_one_where_semicolons_separate(cell: str, guarded: str) -> None:
    """Excel in Germany or France splits at them, and at line breaks in quotes it overlooks."""
    out = io.StringIO(newline="")
    csv.writer(out).writerow(["a", cell])
    (row,) = csv.reader(io.StringIO(guard_csv(out.getvalue().encode()).decode(), newline=""))
    assert row == ["a", guarded]
    for part in re.split("[;\n]", guarded):
        assert not re.match("[=@]", part.strip())


@pytest.mark.parametrize(
    "cell", ["-5", "-12.50 EUR", "−3,5", "+49 30 901820", "-1,234.50 €", "a=b", "", "-12 %"]
)
def test_numbers_and_words_are_left_as_they_are(cell: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerow([cell, "x"])
    (row,) = csv.reader(io.StringIO(guard_csv(out.getvalue().encode()).decode(), newline=""))
    assert row == [cell, "x"]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"))


def without(cell: str) -> str:
    """The cell without apostrophes where the guard may put one."""
    return re.sub("(^|[;\n\r])'", r"\1", cell)


@given(st.lists(st.lists(CELLS, min_size=2)))
def test_nothing_else_is_changed(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    guarded = list(csv.reader(io.StringIO(guard_csv(out.getvalue().encode()).decode(), newline="")))
    assert [[without(cell) for cell in row] for row in guarded] == [
        [without(cell) for cell in row] for row in rows
    ]
    assert guard_csv(guard_csv(out.getvalue().encode())) == guard_csv(out.getvalue().encode())
