"""Spoken personal data are put out of sight, and what is no such thing is not."""

from __future__ import annotations

import pytest

from lineal_consumers.transcribe.redaction import redacted
from lineal_consumers.transcribe.stabilisation import RecognizedWord


def heard(text: str) -> list[RecognizedWord]:
    return [RecognizedWord(word, n / 2, n / 2 + 0.4, 1.0) for n, word in enumerate(text.split())]


def shown(text: str) -> str:
    words, _ = redacted(heard(text), [], ended=True)
    return " ".join(one.word.text for one in words)


@pytest.mark.parametrize(
    ("said", "is_shown"),
    [
        ("my name is john smith from boston", "my name is [name] [name] from boston"),
        ("this is very nice", "this is very nice"),
        ("i am calling about it", "i am calling about it"),
        ("in nineteen eighty four we met", "in nineteen eighty four we met"),
        ("room two one seven please", "room two one seven please"),
        ("call five five five uh one two three four now", "call " + "[phone] " * 8 + "now"),
        ("it is " + "four one " * 8, "it is" + " [card]" * 16),
        ("card 4111 1111 1111 1111 thanks", "card [card] [card] [card] [card] thanks"),
    ],
)
def test_what_is_personal_is_not_shown(said: str, is_shown: str) -> None:
    assert shown(said) == is_shown


def test_a_number_that_may_go_on_is_neither_shown_nor_stable() -> None:
    words, _ = redacted(heard("my number is five five"), [], ended=False)
    assert [one.word.text for one in words[3:]] == ["[number]", "[number]"]
    assert [one.stable for one in words] == [True, True, True, False, False]
    after, kinds = redacted(heard("my number is five five please"), [], ended=False)
    assert [one.word.text for one in after[3:]] == ["five", "five", "please"]
    assert not kinds
