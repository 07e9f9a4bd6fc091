"""Corrections are merged with what the machine reads later."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineal_catalog.reviews.correcting import Answer, Corrections, correct, merge
from lineal_schemas.reviews import PageText, ReviewValue, TableRows
from tests.consumers.review.documents import reading

WORDS = st.lists(st.sampled_from(("a", "b", "c", "d")), max_size=8).map(" ".join)


@given(base=WORDS, mine=WORDS, other=WORDS)
def test_a_merge_keeps_what_one_side_alone_changed(base: str, mine: str, other: str) -> None:
    assert merge(base, mine, base) == (mine, True)
    assert merge(base, base, other) == (other, True)
    assert merge(base, mine, mine) == (mine, True)
    merged, clean = merge(base, mine, other)
    if clean and mine not in (base, other):
        assert set(merged.split()) <= set(mine.split()) | set(other.split())


def test_changes_of_different_words_both_hold_and_of_the_same_word_mine() -> None:
    assert merge("pay 1O by May", "pay 10 by May", "pay 1O by June") == ("pay 10 by June", True)
    assert merge("pay 1O by May", "pay 10 by May", "pay 70 by June") == ("pay 10 by June", False)


@given(texts=st.lists(WORDS, min_size=1, max_size=3), after=WORDS, page=st.integers(1, 3))
def test_words_and_pages_of_a_corrected_reading_are_where_its_text_is(
    texts: list[str], after: str, page: int
) -> None:
    result = reading(*texts)
    before = texts[page - 1] if page <= len(texts) else ""
    said = Answer(
        ReviewValue(pages=(PageText(page=page, text=before),)),
        ReviewValue(pages=(PageText(page=page, text=after),)),
    )
    corrected, conflicts = correct(result, Corrections.of([said]))
    expected = [after if n == page else text for n, text in enumerate(texts, 1)]
    assert corrected.text == "\f".join(expected)
    assert conflicts == ()
    for number, item in enumerate(corrected.pages):
        assert corrected.text[item.begin : item.end] == expected[number]
        spans = [corrected.text[word.begin : word.end] for word in item.words]
        assert all(span and span in expected[number].split() for span in spans)
        if number + 1 != page:
            assert spans == expected[number].split()


def test_a_second_correction_of_a_page_keeps_what_the_machine_had_read() -> None:
    first = Answer(
        ReviewValue(pages=(PageText(page=1, text="pay 1O to A"),)),
        ReviewValue(pages=(PageText(page=1, text="pay 10 to A"),)),
    )
    second = Answer(
        ReviewValue(pages=(PageText(page=1, text="pay 10 to A"),)),
        ReviewValue(pages=(PageText(page=1, text="pay 10 to B"),)),
    )
    assert Corrections.of([first, second]).pages == {1: ("pay 1O to A", "pay 10 to B")}
    corrected, _ = correct(reading("pay 1O to A now"), Corrections.of([first, second]))
    assert corrected.text == "pay 10 to B now"


def test_tables_are_replaced() -> None:
    rows = (("x", "1"),)
    said = Answer(ReviewValue(), ReviewValue(tables=(TableRows(page=1, table=0, rows=rows),)))
    corrected, _ = correct(reading("a"), Corrections.of([said]))
    assert corrected.pages[0].tables[0].rows == rows
