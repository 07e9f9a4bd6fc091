"""Each word of a corrected text has a place on the page, also those that the machine had missed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineal_catalog.reviews.word_places import place_words
from lineal_schemas.results import Page, Word
from tests.consumers.review.documents import reading

LINES = st.lists(
    st.lists(st.sampled_from(("a", "bc", "\u05e9\u05dc\u05d5\u05dd")), min_size=1, max_size=4),
    min_size=1,
    max_size=3,
).map(lambda lines: "\n".join(" ".join(line) for line in lines))


def page_of(*lines: tuple[tuple[str, float, float], ...]) -> tuple[str, Page]:
    """A page of lines of words, each with its left side and width."""
    words: list[Word] = []
    text = ""
    for number, line in enumerate(lines):
        text += "\n" if text else ""
        for position, (word, left, width) in enumerate(line):
            text += " " if position else ""
            begin = len(text)
            text += word
            top = 0.1 + number * 0.05
            words.append(Word(begin, len(text), 0.5, left, top, width, 0.03, number))
    page = Page(number=1, begin=0, end=len(text), width=595, height=842, source="ocr",
                words=tuple(words))  # fmt: skip
    return text, page


def placed(new: str, *lines: tuple[tuple[str, float, float], ...]) -> dict[str, Word]:
    text, page = page_of(*lines)
    return {new[word.begin : word.end]: word for word in place_words(text, new, page)}


@given(old=LINES, new=LINES)
def test_every_word_of_the_new_text_is_placed_on_the_page_in_its_order(old: str, new: str) -> None:
    page = reading(old).pages[0]
    words = place_words(old, new, page)
    assert [new[word.begin : word.end] for word in words] == new.split()
    for word in words:
        assert word.width > 0
        assert word.left >= -0.001
        assert 0 <= word.top <= 1 - word.height


def test_a_missed_word_stands_in_the_room_between_its_neighbours() -> None:
    words = placed("Total due 10", (("Total", 0.1, 0.1), ("10", 0.5, 0.04)))
    assert words["due"].left >= 0.2
    assert words["due"].left + words["due"].width <= 0.5
    assert words["due"].line == words["Total"].line
    assert words["10"].left == 0.5


def test_a_missed_word_at_the_end_of_a_line_stands_behind_it() -> None:
    words = placed("Total 10\nThanks", (("Total", 0.1, 0.1),), (("Thanks", 0.1, 0.12),))
    assert words["10"].left >= 0.2
    assert words["10"].top == words["Total"].top


def test_a_missed_line_stands_below_the_one_before_it() -> None:
    words = placed("Total\ndue now\nThanks", (("Total", 0.1, 0.1),), (("Thanks", 0.1, 0.12),))
    assert words["Total"].top < words["due"].top
    assert words["due"].left < words["now"].left


def test_words_that_were_read_as_one_share_its_place_and_one_read_as_two_has_both() -> None:
    words = placed("to tal", (("total", 0.1, 0.2),))
    assert 0.1 <= words["to"].left < words["tal"].left
    assert words["tal"].left + words["tal"].width <= 0.3001
    words = placed("total", (("to", 0.1, 0.05), ("tal", 0.16, 0.1)))
    assert (words["total"].left, round(words["total"].width, 3)) == (0.1, 0.16)


def test_words_from_right_to_left_share_a_place_in_their_order() -> None:
    words = placed("\u05e9\u05dc \u05d5\u05dd", (("\u05e9\u05dc\u05d5\u05dd", 0.4, 0.2),))
    assert words["\u05e9\u05dc"].left > words["\u05d5\u05dd"].left
