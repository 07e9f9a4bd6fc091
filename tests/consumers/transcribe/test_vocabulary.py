"""Words of a vocabulary take the place of what they sound like."""

from __future__ import annotations

from lineal_consumers.transcribe.stabilisation import RecognizedWord
from lineal_consumers.transcribe.vocabulary import with_vocabulary

VOCABULARY = {"Kubernetes": ["cooper net ease", "cuban eighties"], "lineal": ["linny all"]}


def heard(text: str) -> list[RecognizedWord]:
    return [RecognizedWord(word, n / 2, n / 2 + 0.4, 0.9) for n, word in enumerate(text.split())]


def test_what_sounds_like_a_word_is_that_word_with_its_place() -> None:
    words = with_vocabulary(heard("run it on cooper net ease now"), VOCABULARY, last=True)
    assert [word.text for word in words] == ["run", "it", "on", "Kubernetes", "now"]
    assert (words[3].start, words[3].end) == (1.5, 2.9)


def test_words_that_may_become_one_are_open_until_they_do_or_do_not() -> None:
    words = with_vocabulary(heard("on cooper net"), VOCABULARY, last=False)
    assert [word.open for word in words] == [False, True, False]
    assert not any(word.open for word in with_vocabulary(heard("on cooper"), VOCABULARY, last=True))
    assert not any(
        word.open for word in with_vocabulary(heard("cooper net worth"), VOCABULARY, last=False)
    )
