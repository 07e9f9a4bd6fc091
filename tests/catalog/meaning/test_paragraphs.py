"""Every paragraph stands in the text where it says, and nothing of the text is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineal_catalog.meaning.paragraphs import split_paragraphs

_WORDS = st.text("abc .\n-*#|", min_size=0, max_size=400)
_TEXTS = st.lists(_WORDS, min_size=1, max_size=4).map("\f".join)


@given(_TEXTS)
def test_all_words_are_in_a_paragraph_or_a_heading_above_it(text: str) -> None:
    found = split_paragraphs(text)
    headings = " ".join(item.heading for item in found)
    covered: set[int] = set()
    for item in found:
        assert text[item.begin : item.end] == item.text
        assert text[: item.begin].count("\f") + 1 == item.page
        covered.update(range(item.begin, item.end))
    for place, sign in enumerate(text):
        assert place in covered or not sign.isalnum() or sign in headings


def test_a_paragraph_knows_its_title_and_heading() -> None:
    text = (
        "Leases\n\nThe landlord repairs the roof.\n\nEnd of the lease\n\nEither side gives notice."
    )
    first, second = split_paragraphs(text)
    assert (first.heading, first.text) == ("Leases", "The landlord repairs the roof.")
    assert second.heading == "Leases > End of the lease"


def test_long_paragraphs_are_cut_between_sentences() -> None:
    text = " ".join(f"This is sentence number {number} of many." for number in range(80))
    found = split_paragraphs(text)
    assert len(found) > 2
    assert all(item.text.endswith("many.") and len(item.text) <= 900 for item in found)
    assert " ".join(item.text for item in found) == text
