"""Labelled values are found wherever forms put them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.ocr.key_values import key_values
from lineal_consumers.ocr.layout import Frame, Line, PositionedWord
from tests.consumers.ocr.conftest import DrawPage, ReadFile


def line(text: str, left: float, top: float, confidence: float = 1.0) -> Line:
    """Words of a monospaced font, 6 points a character, 10 points high."""
    words = []
    for word in text.split(" "):
        if word:
            words.append(
                PositionedWord(word, confidence, left, top, left + 6 * len(word), top + 10)
            )
        left += 6 * (len(word) + 1)
    return Line(words, False)


def found(*lines: Line) -> dict[str, str]:
    return {pair.key: pair.value for pair in key_values(list(lines), Frame(600, 800))}


def test_a_value_follows_its_label() -> None:
    assert found(line("Full Name: Jane Doe", 50, 50)) == {"Full Name": "Jane Doe"}


def test_a_value_stands_far_to_the_right_even_if_read_as_another_column() -> None:
    lines = (
        line("Name:", 50, 50),
        line("City:", 50, 70),
        line("Jane Doe", 300, 51),
        line("Springfield", 300, 70),
    )
    assert found(*lines) == {"Name": "Jane Doe", "City": "Springfield"}


def test_a_value_stands_under_its_label() -> None:
    lines = (
        line("Name:", 50, 50),
        line("Date of birth:", 300, 50),
        line("Jane Doe", 50, 63),
        line("1 May 1980", 300, 63),
    )
    assert found(*lines) == {"Name": "Jane Doe", "Date of birth": "1 May 1980"}


def test_several_pairs_share_a_line() -> None:
    text = "Name: Jane Doe         Date: 4/3/2024"
    assert found(line(text, 50, 50)) == {"Name": "Jane Doe", "Date": "4/3/2024"}


def test_lines_to_write_on_are_no_values() -> None:
    assert found(line("Signature: ________", 50, 50)) == {}
    assert found(line("Total: ..... 12.50", 50, 50)) == {"Total": "12.50"}


def test_a_colon_may_stand_apart_as_in_french() -> None:
    assert found(line("Nom de famille : Dupont", 50, 50)) == {"Nom de famille": "Dupont"}


def test_times_addresses_and_sentences_are_no_labels() -> None:
    assert found(line("at 12:30 see https://example.org/a:b for more", 50, 50)) == {}
    sentence = "In the end the whole committee agreed on this: nothing"
    assert found(line(sentence, 50, 50)) == {}


def test_colons_of_prose_are_no_labels() -> None:
    assert found(line("went about with tread: the rather, forasmuch", 50, 50)) == {}
    assert found(line("America: which, strange to relate, have proved", 50, 50)) == {}
    assert found(line("Table 1: Sales by year", 50, 50)) == {}
    assert found(line("e-mail: jane@example.org", 50, 50)) == {"e-mail": "jane@example.org"}


def test_the_confidence_is_that_of_the_words() -> None:
    (pair,) = key_values([line("Name: Jane", 60, 80, confidence=0.5)], Frame(600, 800))
    assert pair.confidence == 0.5
    assert pair.value_box is not None
    assert pair.value_box.left == round(96 / 600, 4)


def test_a_scanned_form_gives_its_pairs(
    draw_page: DrawPage, as_file: Callable[..., Path], read_file: ReadFile
) -> None:
    page = draw_page(["Invoice number: 2024117", "Customer:        Jane Doe"])
    read = read_file(as_file(page, "form.png"), "image")
    assert {pair.key: pair.value for pair in read.page.key_values} == {
        "Invoice number": "2024117",
        "Customer": "Jane Doe",
    }
    assert read.assembled.csv is not None
    rows = read.assembled.csv.decode().splitlines()
    assert rows[0] == "page,key,value,confidence"
    assert rows[1].startswith("1,Invoice number,2024117,0.")


@given(
    st.lists(
        st.builds(
            line,
            st.text(st.sampled_from("ab:. _:"), min_size=1, max_size=30).filter(str.strip),
            st.floats(0, 500),
            st.floats(0, 700),
        ),
        max_size=12,
    )
)
def test_any_arrangement_of_words_gives_well_formed_pairs(lines: list[Line]) -> None:
    words = {word.text for row in lines for word in row.words}
    for pair in key_values(lines, Frame(600, 800)):
        assert pair.key
        assert pair.value
        assert set(pair.value.split()) <= words
