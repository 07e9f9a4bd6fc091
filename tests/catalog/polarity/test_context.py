"""How what a sentence mentions is meant: ConText's rules."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_catalog.polarity.context import ReadSentence
from lineal_catalog.polarity.cues import CUES
from tests.catalog.polarity.meant import MEANT


def meant(text: str, words: str) -> tuple[str, ...]:
    begin = text.lower().index(words)
    return ReadSentence(text).polarity(begin, begin + len(words)).names()


@pytest.mark.parametrize(
    ("text", "words", "names"),
    [
        ("Patient denies chest pain.", "chest pain", ("negated",)),
        ("The patient has chest pain.", "chest pain", ("affirmed",)),
        ("Chest pain was ruled out.", "chest pain", ("negated",)),
        ("No fever, chills or cough.", "cough", ("negated",)),
        ("The smear was negative for malaria.", "malaria", ("negated",)),
        ("No fever but a dry cough.", "cough", ("affirmed",)),
        ("No fever; dry cough.", "cough", ("affirmed",)),
        ("She is afebrile.", "afebrile", ("negated",)),
        ("Family history of breast cancer.", "breast cancer", ("family",)),
        ("Breast cancer in the sister.", "breast cancer", ("family",)),
        ("Mother reports that he has a cough.", "cough", ("affirmed",)),
        ("Mother with diabetes, patient has asthma.", "asthma", ("affirmed",)),
        ("No family history of stroke.", "stroke", ("negated", "family")),
        ("History of stroke.", "stroke", ("historical",)),
        ("Stroke two years ago.", "stroke", ("historical",)),
        ("History of stroke, presents with headache.", "headache", ("affirmed",)),
        ("We cannot exclude pneumonia.", "pneumonia", ("uncertain",)),
        ("Pneumonia cannot be ruled out.", "pneumonia", ("uncertain",)),
        ("Findings may represent pneumonia.", "pneumonia", ("uncertain",)),
        ("No change in the murmur.", "murmur", ("affirmed",)),
        ("Gram negative rods in the culture.", "rods", ("affirmed",)),
        ("He does not deny alcohol.", "alcohol", ("affirmed",)),
    ],
)
def test_what_is_mentioned_is_meant(text: str, words: str, names: tuple[str, ...]) -> None:
    assert meant(text, words) == names


@pytest.mark.parametrize("names", list(MEANT), ids="+".join)
def test_times_scopes_and_traps_of_negation(names: tuple[str, ...]) -> None:
    wrong = [(text, words) for text, words in MEANT[names] if meant(text, words) != names]
    assert not wrong


@given(st.lists(st.sampled_from([cue.phrase for cue in CUES] + ["pain", "7"]), max_size=8))
def test_stretches_without_cues_are_in_order_and_apart(parts: list[str]) -> None:
    text = " ".join(parts)
    stretches = list(ReadSentence(text).without_cues())
    assert all(0 <= begin < end <= len(text) for begin, end in stretches)
    assert all(one[1] <= other[0] for one, other in pairwise(stretches))
