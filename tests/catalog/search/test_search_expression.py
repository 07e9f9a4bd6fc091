"""Whatever a person types into a search is searched for; what is passed over can be said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lineal.store.connection import Connection
from lineal_catalog.search.entries import SearchPage, replace_document, search
from lineal_catalog.search.query import query_problem
from tests.store.stores import NewConnection

PAGES = {
    1: "the red fox jumps over a lazy dog",
    2: "a red wind turbine and its gearbox",
    3: "the foxglove is not a fox",
    4: "NOT a number: AND so on",
}
PIECES = st.sampled_from(
    ["AND", "OR", "NOT", "NEAR", "(", ")", '"', "*", "fox", "red*", "^", "-", ":", "text:", "{",
     "}", "+", ",", "'", "\x00", "é", "fox)", "(red",
     "NEAR(", " ", "\n", '""', '"red fox"', "a.b", "\\"]
)  # fmt: skip


@pytest.fixture(scope="module")
def pages(new_connection: NewConnection) -> Iterator[Connection]:
    with new_connection() as connection:
        replace_document(connection, "d", [SearchPage(n, text) for n, text in PAGES.items()], {})
        yield connection


def found(pages: Connection, text: str) -> set[int]:
    return {hit.page for hit in search(pages, text)}


@given(st.lists(PIECES, max_size=12).map(" ".join) | st.lists(PIECES, max_size=8).map("".join))
@example("NOT")
@example("NOT fox")
@example("fox NOT")
@example("(fox OR")
@example("fox AND (NOT red)")
@example("()(")
@example("(" * 500 + "fox")
@example("(fox OR " * 500)
@example(" ".join(["fox"] * 500))
def test_no_mixture_of_operators_is_a_syntax_error(pages: Connection, text: str) -> None:
    found(pages, text)


@given(st.text(max_size=40))
def test_no_text_is_a_syntax_error(pages: Connection, text: str) -> None:
    found(pages, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fox", {1, 3}),
        ("red fox", {1}),
        ('"red fox"', {1}),
        ('"fox red"', set()),
        ("fox*", {1, 3}),
        ("foxg*", {3}),
        ("turbine OR dog", {1, 2}),
        ("red NOT fox", {2}),
        ("red AND NOT fox", {2}),
        ("fox AND NOT (red OR foxglove)", set()),
        ("NOT fox", set()),
        ("red OR NOT fox", set()),
        ("(dog OR gearbox) AND red", {1, 2}),
        ("red (dog OR gearbox)", {1, 2}),
        ("fox:dog", set()),
        ("...", set()),
        ("", set()),
        ("AND", set()),
    ],
)
def test_words_phrases_prefixes_and_operators_mean_what_they_say(
    pages: Connection, text: str, expected: set[int]
) -> None:
    assert found(pages, text) == expected


def test_a_word_with_marks_inside_is_searched_as_a_phrase(pages: Connection) -> None:
    replace_document(pages, "e", [SearchPage(9, "see invoice INV-2026/17, unpaid")], {})
    assert found(pages, "INV-2026/17") == {9}
    assert found(pages, "17/INV") == set()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"a phrase', "quotation mark"),
        ("(invoice OR offer", "not closed"),
        ("invoice)", "not opened"),
        ("invoice AND", "nothing stands behind AND"),
        ("(invoice OR) offer", "nothing stands behind OR"),
        ("OR invoice", "nothing stands before OR"),
        ("NOT invoice", "nothing stands before NOT"),
        ("invoice AND OR offer", "AND OR is no operator"),
        ("invoice ()", "nothing in the parentheses"),
    ],
)
def test_what_is_passed_over_is_said(text: str, said: str) -> None:
    assert said in query_problem(text)


_OPERATORS = st.sampled_from(["AND", "OR", "NOT", "AND NOT", ""])
_WORDS = st.sampled_from(["invoice", "offer*", '"two words"', "and", "C++"])
_EXPRESSIONS = st.recursive(
    _WORDS,
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, _OPERATORS, inner),
        st.builds("({})".format, inner),
    ),
    max_leaves=8,
)


@given(_EXPRESSIONS)
def test_an_expression_that_is_well_formed_has_no_problem(text: str) -> None:
    assert query_problem(text) == ""


@given(st.text(alphabet='ab "()*', max_size=12))
def test_any_text_is_answered(text: str) -> None:
    query_problem(text)
