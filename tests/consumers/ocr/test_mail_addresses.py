"""Mail addresses that recognition takes apart are one word."""

from __future__ import annotations

import pytest

from lineal_consumers.ocr.mail_addresses import join_mail_addresses
from lineal_consumers.ocr.tesseract import DetectedWord


def words(text: str, gap: int = 6) -> list[DetectedWord]:
    """Words of a line, ten pixels a letter; what follows a bar begins a line of its own."""
    made, left = [], 0
    for part in text.split():
        begins = part.startswith("|")
        part = part.removeprefix("|")
        right = left + 10 * len(part)
        made.append(DetectedWord(part, 0.9, left, 0, right, 20, begins, False))
        left = right + gap
    return made


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        ("write to accounts @north.co.uk or call", "write to accounts@north.co.uk or call"),
        ("anna.maria@ uni-koeln.de and", "anna.maria@uni-koeln.de and"),
        ("(b_smith @ mail.example.org), as", "(b_smith@mail.example.org), as"),
        ("x@y.example or z@y.example", "x@y.example or z@y.example"),
        ("x@y.example @z.example", "x@y.example @z.example"),
        ("12 @ 3.50 each", "12 @ 3.50 each"),
        ("thanks @anna for it", "thanks @anna for it"),
        ("from anna |@north.co.uk", "from anna @north.co.uk"),
    ],
)
def test_what_is_an_address_together_is_one_word(read: str, expected: str) -> None:
    joined = join_mail_addresses(words(read))
    assert " ".join(word.text for word in joined) == expected


def test_the_word_is_where_its_parts_were() -> None:
    (word,) = join_mail_addresses(words("accounts @north.co.uk"))
    assert (word.left, word.right) == (0, 206)


def test_what_stands_apart_stays_apart() -> None:
    apart = words("accounts @north.co.uk", gap=40)
    assert join_mail_addresses(apart) == apart
