"""Which sentences say the same, and that none of another polarity ever does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.stages import Reject
from lineal_catalog.matching.match import Match, match_sentence
from lineal_catalog.matching.null import Null
from tests.catalog.matching.adversarial_pairs import ALIKE, APART

NOTE = (
    "He has pain in the chest. No shortness of breath. Father with a stroke. "
    "Possible pneumonia on the left.\fThe wound is clean."
)


def match(sentence: str, text: str) -> Match:
    return match_sentence(sentence, text, "classical")


def test_a_denied_finding_never_matches_one_that_is_there() -> None:
    found = match("Denies chest pain.", NOTE)
    assert all(item.polarity == ("negated",) for item in found.matches)
    assert [item.text for item in found.contrary] == ["He has pain in the chest."]
    there = match("The patient reports chest pain.", NOTE)
    assert there.matches[0].text == "He has pain in the chest."


FINDINGS = st.sampled_from(["chest pain", "a rash", "heart failure", "kidney stones"])
FRAMES: dict[str, Callable[[str], str]] = {
    "affirmed": "He has {}.".format,
    "negated": "Denies {}.".format,
    "historical": "History of {}.".format,
    "family": "Family history of {}.".format,
    "uncertain": "We cannot exclude {}.".format,
}


@given(FINDINGS, st.sampled_from(list(FRAMES)), st.lists(st.sampled_from(list(FRAMES)), min_size=1))
def test_matches_have_the_polarity_that_is_asked_for(
    finding: str, wanted: str, said: list[str]
) -> None:
    text = " ".join(FRAMES[polarity](finding) for polarity in said)
    found = match(FRAMES[wanted](finding), text)
    assert found.polarity == (wanted,)
    assert len(found.matches) == min(5, said.count(wanted))
    assert all(item.polarity == (wanted,) for item in found.matches)


def test_traps_of_negation_time_and_family_never_match_and_restatements_do() -> None:
    matched = [pair for pair in APART if match(*pair).matches]
    missed = [pair for pair in ALIKE if not match(*pair).matches]
    assert (matched, missed) == ([], [])


def test_two_findings_denied_the_other_way_round_are_contrary() -> None:
    found = match("Denies nausea but reports vomiting.", "Denies vomiting but reports nausea.")
    assert (len(found.matches), len(found.contrary)) == (0, 1)


def test_p_is_small_for_the_same_and_large_for_something_else() -> None:
    found = match("The wound is clean.", NOTE)
    best, *others = found.matches
    assert (best.text, best.page) == ("The wound is clean.", 2)
    assert NOTE[best.begin : best.end] == best.text
    assert best.p < 0.01 < min(item.p for item in others)
    assert found.null.corpus == "reference"


def test_what_is_the_best_of_many_is_not_yet_alike() -> None:
    """Some sentence of a text is always the most similar one."""
    text = (
        "The patient presents with pain in the chest since yesterday. There is no shortness of "
        "breath. He denies fever. Mother with diabetes. We cannot exclude pneumonia. "
    )
    found = match("He has a cough.", text)
    assert all(item.p_text is not None and item.p_text > 0.05 for item in found.matches)
    assert found.contrary == ()
    same = match("He has pneumonia.", text)
    assert [item.text for item in same.contrary] == ["We cannot exclude pneumonia."]


def test_the_tail_goes_on_where_pairs_are_counted_no_more() -> None:
    similarities = np.random.default_rng(1).exponential(0.05, 2_000).astype(np.float32)
    null = Null("text", similarities)
    shares = [null.significance(float(at)) for at in np.linspace(0, 1, 200)]
    assert shares == sorted(shares, reverse=True)
    assert min(shares) > 0
    assert null.significance(0.5) == pytest.approx(np.exp(-0.5 / 0.05), rel=3)
    few = Null("text", similarities[:20])
    assert few.significance(0.9) == 1 / 21


def test_a_long_text_is_its_own_corpus_and_the_distribution_is_recorded() -> None:
    text = " ".join(f"Sentence {word} of a report." for word in map(chr, range(0x3B1, 0x3C9)))
    text += " ".join(f" Item {word}x was seen." for word in map(chr, range(0x3B1, 0x3C9)))
    first, again = match("Another sentence.", text), match("Something else.", text)
    assert first.null.corpus == "text"
    assert first.null == again.null


def test_a_text_that_says_one_thing_again_and_again_has_no_pairs_of_its_own() -> None:
    found = match("He has a cough.", "He has a cough. " * 50)
    assert (found.null.corpus, len(found.matches)) == ("reference", 5)


def test_a_text_without_sentences_is_refused() -> None:
    with pytest.raises(Reject, match="no sentence"):
        match("Anything.", "  \n ")
