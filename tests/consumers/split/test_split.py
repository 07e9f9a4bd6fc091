"""A file that holds several documents is divided where they begin, and cut into the same bytes."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal import Reject
from lineal_consumers.split.boundaries import boundaries
from lineal_consumers.split.parts import Division, Pages, cut, divided
from lineal_learning.documents.terms import PlacedWord, ReadDocument, ReadPage

BODY = [
    "the",
    "amount",
    "of",
    "the",
    "loan",
    "was",
    "paid",
    "in",
    "full",
    "on",
    "the",
    "date",
    "that",
    "is",
    "given",
    "below",
]
OTHER = [
    "turbine",
    "rotor",
    "vibration",
    "was",
    "measured",
    "by",
    "the",
    "crew",
    "after",
    "its",
    "blades",
    "were",
    "greased",
]


def page(title: str, words: list[str], foot: str = "") -> ReadPage:
    placed = [PlacedWord(title, 0.1, 0.05, 0.3, 0.03, 0)] if title else []
    placed += [
        PlacedWord(word, 0.1 + 0.05 * (n % 10), 0.3 + 0.05 * (n // 10), 0.04, 0.012, 1 + n // 10)
        for n, word in enumerate(words)
    ]
    text = "\n".join([*([title] if title else []), " ".join(words), foot])
    return ReadPage(text, tuple(placed))


@given(st.integers(1, 60), st.sets(st.integers(1, 60)))
def test_the_parts_are_all_pages_once_and_in_order(pages: int, begins: set[int]) -> None:
    known = [each for each in begins if each <= pages]
    parts = divided(known, pages)
    covered = [number for part in parts for number in range(part.first, part.last + 1)]
    assert covered == list(range(1, pages + 1))
    assert {part.first for part in parts} == {1, *known}


def test_a_page_that_is_not_there_is_named() -> None:
    with pytest.raises(Reject, match="there is no page 9: the file has 4"):
        divided([9], 4)


def test_numbered_pages_go_together_and_a_title_on_other_words_begins_a_document() -> None:
    stack = ReadDocument(
        (
            page("Payoff", BODY, "Page 1 of 2"),
            page("", BODY, "Page 2 of 2"),
            page("Log", OTHER, "Page 1 of 2"),
            page("", OTHER, "Page 2 of 2"),
        )
    )
    first, second, third = boundaries(stack)
    assert first < 0.1
    assert second > 0.9
    assert third < 0.1


def test_what_lies_around_a_doubtful_page_waits_and_the_rest_does_not() -> None:
    division = Division((Pages(1, 3), Pages(4, 6)), (2,))
    assert [division.is_doubtful(part) for part in division.parts] == [True, False]


def test_a_part_has_its_pages_and_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    file = tmp_path / "stack.pdf"
    with pikepdf.new() as pdf:
        for width in (100, 200, 300):
            pdf.add_blank_page(page_size=(width, 400))
        pdf.save(file)
    parts = [Pages(1, 1), Pages(2, 3)]
    made = cut(file, parts)
    assert made == cut(file, parts)
    with pikepdf.open(io.BytesIO(made[1])) as pdf:
        assert [float(each.mediabox[2]) for each in pdf.pages] == [200, 300]
    file.write_bytes(b"no PDF")
    with pytest.raises(Reject, match="cannot be cut"):
        cut(file, parts)


def test_pages_without_numbers_and_titles_go_by_type_margins_and_words() -> None:
    def small(words: list[str]) -> ReadPage:
        placed = tuple(
            PlacedWord(word, 0.3 + 0.2 * (n % 2), 0.1 + 0.04 * n, 0.1, 0.009, n)
            for n, word in enumerate(words)
        )
        return ReadPage(" ".join(words), placed)

    stack = ReadDocument(
        (page("", BODY), page("", BODY[3:]), small(OTHER), small(OTHER[2:]), page("", BODY))
    )
    first, second, third, fourth = boundaries(stack)
    assert max(first, third) < 0.5 < min(second, fourth)


def test_a_person_is_asked_whether_a_document_goes_on_behind_what_looks_like_its_title_page() -> (
    None
):
    cover = page("Maintenance", ["handbook", "of", "the", "works"])
    body = page("", OTHER * 5)
    letter = page("", BODY * 5)
    letter = letter._replace(text=f"Dear Ann,\n{letter.text}")
    follows, goes_on = boundaries(ReadDocument((cover, body, body)))
    assert 0.1 < follows < 0.9, "a certificate of one page looks like a title page"
    assert goes_on < 0.1
    [begins] = boundaries(ReadDocument((cover, letter)))
    assert begins > 0.9, "it says itself that it begins"
