"""Key phrases say what a document is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.nlp.key_phrases import StatisticalExtractor

ARTICLE = """Solar panels on farms

Farmers in the Rhine Valley are putting solar panels above their apple trees. The solar panels
shade the apple trees in summer, and the Rhine Valley has had many hot summers. A study by the
Institute for Energy found that apple trees under solar panels need less water. The study
followed twelve farms for three years, and the farmers want to go on with it.
"""


def phrases(text: str, language: str = "en", count: int = 20) -> list[str]:
    found = StatisticalExtractor(count).extract(text.split("\f"), language)
    return [phrase.text.lower() for phrase in found]


def test_what_the_text_is_about_comes_first() -> None:
    assert {"solar panels", "rhine valley", "apple trees"} <= set(phrases(ARTICLE)[:6])


def test_stop_words_neither_begin_nor_end_a_phrase() -> None:
    for phrase in phrases(ARTICLE):
        words = phrase.split()
        assert not {words[0], words[-1]} & {"the", "a", "in", "and", "of", "for", "has", "it"}


def test_scores_fall_from_one() -> None:
    scores = [phrase.score for phrase in StatisticalExtractor().extract([ARTICLE], "en")]
    assert scores[0] == 1.0
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_no_more_than_asked_for() -> None:
    assert len(phrases(ARTICLE, count=3)) == 3


def test_no_phrase_repeats_a_better_one() -> None:
    found = [set(phrase.split()) for phrase in phrases(ARTICLE)]
    for index, words in enumerate(found):
        assert not any(better <= words for better in found[:index])


def test_a_wrapped_line_does_not_cut_a_phrase() -> None:
    wrapped = "The long report of the year was about the electric\ncar market and its growth. " * 3
    assert any("electric car" in phrase for phrase in phrases(wrapped))


def test_cells_of_a_form_do_not_run_together() -> None:
    assert not any("smith invoice" in phrase for phrase in phrases("Ann Smith\nInvoice\n" * 5))


@pytest.mark.parametrize("text", ["", "12 34 56", "the and of", "a1b2c3d4e5f6a7b8 " * 10, "?!."])
def test_no_phrases_where_there_are_no_subjects(text: str) -> None:
    assert phrases(text) == []


def test_other_languages_have_their_own_stop_words() -> None:
    german = "Die Sonnenkollektoren stehen auf der Wiese. Die Sonnenkollektoren auf der Wiese. " * 3
    found = phrases(german, "de")
    assert any("sonnenkollektoren" in phrase for phrase in found)
    assert not any(phrase.split()[0] in {"die", "auf", "der"} for phrase in found)


@given(st.text(max_size=400), st.sampled_from(["en", "de", "und", "zh", "xx"]))
def test_any_text_and_language_is_survived(text: str, language: str) -> None:
    for phrase in StatisticalExtractor().extract(text.split("\f"), language):
        assert phrase.text
        assert 0 <= phrase.score <= 1
