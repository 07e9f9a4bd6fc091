"""Ruled tables come out cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from lineal_consumers.ocr.layout import Frame, PositionedWord
from lineal_consumers.ocr.tables import Ruling, ruled_tables
from tests.consumers.ocr.conftest import DrawPage, ReadFile

CELLS = (
    ("Product", "Amount", "Price"),
    ("Green tea", "12", "48.00"),
    ("Brown bread", "7", "21.50"),
    ("Apple juice", "140", "3.25"),
)


def table_page() -> Image.Image:
    page = Image.new("L", (1200, 800), 255)
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=32)
    xs, ys = (100, 450, 700, 1000), (200, 270, 340, 410, 480)
    for x in xs:
        pen.line((x, ys[0], x, ys[-1]), fill=0, width=2)
    for y in ys:
        pen.line((xs[0], y, xs[-1], y), fill=0, width=2)
    for row, cells in enumerate(CELLS):
        for column, cell in enumerate(cells):
            pen.text((xs[column] + 20, ys[row] + 18), cell, fill=0, font=font)
    pen.text((100, 80), "Our prices for the coming year are", fill=0, font=font)
    pen.text((100, 560), "All prices are subject to change without notice.", fill=0, font=font)
    page.info["dpi"] = (150, 150)
    return page


@pytest.mark.parametrize("degrees", [0, 3])
def test_a_scanned_table_gives_its_cells(
    degrees: float, as_file: Callable[..., Path], read_file: ReadFile
) -> None:
    page = table_page().rotate(-degrees, fillcolor=255, resample=Image.Resampling.BICUBIC)
    page.info["dpi"] = (150, 150)
    read = read_file(as_file(page, "table.png"), "image")
    (table,) = read.page.tables
    assert table.rows == CELLS
    assert 0.5 < table.confidence <= 1


def test_prose_has_no_tables(
    draw_page: DrawPage, as_file: Callable[..., Path], read_file: ReadFile
) -> None:
    read = read_file(as_file(draw_page(), "prose.png"), "image")
    assert read.page.tables == ()
    assert read.assembled.csv is None


def words(*placed: tuple[str, float, float]) -> list[PositionedWord]:
    return [PositionedWord(text, 1.0, x, y, x + 20, y + 8) for text, x, y in placed]


def rulings(*lines: tuple[float, float, float]) -> list[Ruling]:
    return [Ruling(*line) for line in lines]


def test_merged_cells_keep_their_text_in_the_first_of_them() -> None:
    across = rulings((0, 0, 200), (20, 0, 200), (40, 0, 200))
    down = rulings((0, 0, 40), (100, 20, 40), (200, 0, 40))
    inside = words(("Both", 90, 5), ("left", 10, 25), ("right", 110, 25))
    (table,) = ruled_tables(across, down, inside, Frame(300, 300))
    assert table.rows == (("Both", ""), ("left", "right"))


def test_a_table_open_at_its_sides_keeps_the_outer_columns() -> None:
    across = rulings((0, 0, 300), (20, 0, 300), (40, 0, 300))
    down = rulings((100, 0, 40), (200, 0, 40))
    inside = words(("a", 10, 5), ("b", 110, 5), ("c", 210, 5), ("d", 10, 25), ("e", 210, 25))
    (table,) = ruled_tables(across, down, inside, Frame(400, 400))
    assert table.rows == (("a", "b", "c"), ("d", "", "e"))


def test_two_tables_on_a_page_are_two_tables_from_top_to_bottom() -> None:
    across = rulings(*((y, 0, 200) for y in (300, 320, 340, 0, 20, 40)))
    down = rulings(*((x, 300, 340) for x in (0, 100, 200)), *((x, 0, 40) for x in (0, 100, 200)))
    inside = words(("A", 10, 5), ("B", 110, 25), ("C", 10, 305), ("D", 110, 325))
    first, second = ruled_tables(across, down, inside, Frame(400, 400))
    assert first.rows == (("A", ""), ("", "B"))
    assert second.rows == (("C", ""), ("", "D"))


def test_a_frame_around_text_is_no_table() -> None:
    across, down = rulings((0, 0, 200), (100, 0, 200)), rulings((0, 0, 100), (200, 0, 100))
    assert ruled_tables(across, down, words(("Note", 20, 20)), Frame(400, 400)) == ()


def test_a_dense_grid_that_is_drawn_cell_by_cell_is_a_table() -> None:
    rows, columns, wide, high = 70, 40, 12.0, 10.0
    across, down, words = [], [], []
    for row in range(rows):
        for column in range(columns):
            left, top = 20 + column * wide, 20 + row * high
            across += [Ruling(y, left, left + wide) for y in (top, top + high)]
            down += [Ruling(x, top, top + high) for x in (left, left + wide)]
            words.append(
                PositionedWord(f"{row}.{column}", 1.0, left + 1, top + 2, left + 9, top + 8)
            )
    (table,) = ruled_tables(across, down, words, Frame(600, 800))
    assert table.rows == tuple(tuple(f"{r}.{c}" for c in range(columns)) for r in range(rows))


def test_two_tables_side_by_side_stay_two() -> None:
    across, down, words = [], [], []
    for first in (20.0, 160.0):
        across += [Ruling(y, first, first + 100) for y in (20.0, 40.0, 60.0)]
        down += [Ruling(first + x, 20, 60) for x in (0, 50, 100)]
        words += [
            PositionedWord("a", 1.0, first + x + 5, y + 5, first + x + 15, y + 15)
            for x in (0, 50)
            for y in (20, 40)
        ]
    assert len(ruled_tables(across, down, words, Frame(600, 800))) == 2
