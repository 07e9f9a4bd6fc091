"""What was recognised comes in the order a person reads it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.ocr.layout import Line, PositionedWord
from lineal_consumers.ocr.page_order import in_page_order

HEIGHT = 10.0


def line(text: str, left: float, top: float, *, new: bool = False) -> Line:
    words, at = [], left
    for word in text.split():
        wide = 6.0 * len(word)
        words.append(PositionedWord(word, 0.9, at, top, at + wide, top + HEIGHT))
        at += wide + 4
    return Line(words, new)


def texts(lines: list[Line]) -> list[str]:
    return [" ".join(word.text for word in each.words) for each in lines]


GOODS = ["Oat milk", "Rye bread", "Apples", "Ground coffee"]
PRICES = ["12.49", "3.20", "14.15", "1,204.00"]
LEFT = [f"the left column has line {n} here" for n in range(6)]
RIGHT = [f"while the right column says {n} too" for n in range(6)]


def test_amounts_that_were_taken_for_a_block_of_their_own_go_back_to_their_rows() -> None:
    goods = [line(text, 0, 20 * row) for row, text in enumerate(GOODS)]
    prices = [line(text, 300, 20 * row + 2) for row, text in enumerate(PRICES)]
    heading = line("CORNER MARKET receipt of today with a long heading all over", 0, -40)
    ordered = in_page_order([heading, *goods, *prices])
    assert texts(ordered)[1:] == [f"{a} {b}" for a, b in zip(GOODS, PRICES, strict=True)]


def test_columns_of_prose_are_read_one_after_the_other() -> None:
    left = [line(text, 0, 20 * row) for row, text in enumerate(LEFT)]
    right = [line(text, 300, 20 * row) for row, text in enumerate(RIGHT)]
    apart = in_page_order([*left, *right])
    assert texts(apart) == [*LEFT, *RIGHT]
    across = [Line([*a.words, *b.words], False) for a, b in zip(left, right, strict=True)]
    assert texts(in_page_order(across)) == [*LEFT, *RIGHT]


def test_a_line_with_a_gap_and_the_paragraph_below_it_are_no_columns() -> None:
    head = line("VAT GB 123", 0, 0)
    phone = line("Tel 0113 496", 150, 0)
    name = line("Mr Anna Finch", 0, 30)
    lines = [Line([*head.words, *phone.words], False), name, line("4 The Ropewalk", 0, 50)]
    assert " ".join(texts(in_page_order(lines))) == (
        "VAT GB 123 Tel 0113 496 Mr Anna Finch 4 The Ropewalk"
    )


def test_spaces_of_a_font_of_one_width_part_no_cells() -> None:
    def typed(text: str, top: float, height: float) -> Line:
        places = [m.start() for m in re.finditer(r"\S+", text)]
        placed = zip(text.split(), places, strict=True)
        return Line(
            [
                PositionedWord(word, 0.9, 13 * at, top, 13 * (at + len(word)) - 1, top + height)
                for word, at in placed
            ],
            False,
        )

    address = ["Mr Finch", "10", "Ox", "UK"]
    lines = [typed(text, 20 * number, 9) for number, text in enumerate(address)]
    prose = typed("with letters that are taller", 120, HEIGHT)
    assert texts(in_page_order([*lines, prose]))[:4] == address


def test_a_table_between_columns_of_prose_keeps_its_rows() -> None:
    lines = [line(text, 0, 20 * row) for row, text in enumerate(LEFT)]
    lines += [line(text, 300, 20 * row) for row, text in enumerate(RIGHT)]
    across = "A paragraph that goes across the whole of the page and parts what is above it from it"
    lines += [line(across, 0, 140)]
    lines += [line(text, 0, 180 + 20 * row) for row, text in enumerate(GOODS)]
    lines += [line(text, 300, 180 + 20 * row) for row, text in enumerate(PRICES)]
    rows = [f"{a} {b}" for a, b in zip(GOODS, PRICES, strict=True)]
    assert texts(in_page_order(lines)) == [*LEFT, *RIGHT, across, *rows]


def test_address_blocks_side_by_side_are_read_one_by_one() -> None:
    left, right = ["Northbank Water", "12 Mill Lane", "Oxford"], ["Anna Carter", "5 Quay", "Hull"]
    lines = [line(text, 0, 20 * row) for row, text in enumerate(left)]
    lines += [line(text, 300, 20 * row) for row, text in enumerate(right)]
    assert texts(in_page_order(lines)) == [*left, *right]


def test_labels_are_followed_by_their_values() -> None:
    labels, values = ["Name:", "Account:", "Reference:"], ["Jane Doe", "Savings", "None given"]
    lines = [line(text, 0, 20 * row) for row, text in enumerate(labels)]
    lines += [line(text, 200, 20 * row) for row, text in enumerate(values)]
    assert texts(in_page_order(lines)) == [f"{a} {b}" for a, b in zip(labels, values, strict=True)]


def test_labels_above_a_table_are_not_its_columns() -> None:
    labels, values = ["Number:", "Date:", "Customer:"], ["INV-7", "14 March 2026", "Anna Carter"]
    table = [["Description", "Quantity", "Price", "Amount"], ["Water meter", "3", "9.50", "28.50"],
             ["Sealing ring", "40", "0.75", "30.00"]]  # fmt: skip
    lines = [line(text, 0, 20 * row) for row, text in enumerate(labels)]
    lines += [line(text, 150, 20 * row) for row, text in enumerate(values)]
    for column, left in enumerate((0, 220, 320, 420)):
        lines += [line(cells[column], left, 90 + 20 * row) for row, cells in enumerate(table)]
    expected = [f"{a} {b}" for a, b in zip(labels, values, strict=True)]
    assert texts(in_page_order(lines)) == [*expected, *(" ".join(cells) for cells in table)]


def test_rows_of_a_script_from_right_to_left_begin_on_the_right() -> None:
    def backwards(text: str, right: float, top: float) -> Line:
        words, at = [], right
        for word in text.split():
            words.append(PositionedWord(word, 0.9, at - 30, top, at, top + HEIGHT))
            at -= 34
        return Line(words, False)

    names = ["الخبز الطازج", "الحليب البارد", "التفاح الأحمر"]
    prices = ["12.50", "3.20", "4.10"]
    lines = [backwards(text, 400, 20 * row) for row, text in enumerate(names)]
    lines += [line(text, 0, 20 * row) for row, text in enumerate(prices)]
    assert texts(in_page_order(lines)) == [f"{a} {b}" for a, b in zip(names, prices, strict=True)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["word", "12.50", "a few more words", "Name:"]),
            st.integers(0, 40),
            st.integers(0, 40),
        ),
        max_size=30,
    )
)
def test_no_word_is_lost_or_read_twice(placed: list[tuple[str, int, int]]) -> None:
    lines = [line(text, 15.0 * x, 7.0 * y) for text, x, y in placed]
    before = sorted(word for each in lines for word in each.words)
    after = sorted(word for each in in_page_order(lines) for word in each.words)
    assert after == before
