"""Words of a second look take their places in the lines of the first."""

from __future__ import annotations

from lineal_consumers.ocr.second_look import put_in
from lineal_consumers.ocr.tesseract import DetectedWord


def word(
    text: str, left: float, top: float, *, confidence: float = 0.95, new_line: bool = False
) -> DetectedWord:
    return DetectedWord(text, confidence, left, top, left + 40, top + 10, new_line, False)


def lines(words: list[DetectedWord]) -> list[str]:
    made: list[list[str]] = []
    for one in words:
        if one.new_line:
            made.append([])
        made[-1].append(one.text)
    return [" ".join(line) for line in made]


def test_a_doubtful_word_that_begins_a_line_is_replaced_there() -> None:
    first = [
        word("click", 0, 0, new_line=True),
        word("track", 50, 0),
        word("you' ll", 0, 20, confidence=0.3, new_line=True),
        word("hear", 50, 20),
    ]
    assert lines(put_in(first, [word("you'll", 0, 18, confidence=0.8, new_line=True)])) == [
        "click track",
        "you'll hear",
    ]


def test_a_word_that_stands_on_no_line_has_a_line_of_its_own() -> None:
    first = [word("above", 0, 0, new_line=True), word("below", 0, 40, new_line=True)]
    assert lines(put_in(first, [word("between", 0, 20, new_line=True)])) == [
        "above",
        "between",
        "below",
    ]
