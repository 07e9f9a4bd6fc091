"""Copies of a text are found however they were changed; other texts of one template are none."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from lineal_learning.documents.near_duplicates import _are_near, _numbered, first_of_each

_LETTER = """Dear Madam, thank you for your kind letter, which reached us in good time. We have
looked into what you wrote about the delivery of the garden furniture and are glad to tell you that
the missing parts will be sent to you free of charge within the next days. Yours sincerely"""
LETTER = _LETTER.split()
INVOICE = """Invoice number {n} of Acme Metal Works for goods delivered in March, payable within
thirty days without deduction to the bank account named below, total due EUR {sum}.50"""


def test_a_copy_in_which_a_word_was_changed_belongs_to_the_first() -> None:
    misread = [*LETTER[:20], "furnlture", *LETTER[21:]]
    assert first_of_each([LETTER, ["another", "letter"], misread]) == [0, 1, 0]


def test_another_invoice_of_a_template_is_no_copy() -> None:
    made = [INVOICE.format(n=n, sum=100 + n).split() for n in range(20)]
    assert first_of_each(made) == list(range(20))


def test_the_same_words_in_another_order_are_no_copy() -> None:
    assert first_of_each([LETTER, sorted(LETTER)]) == [0, 1]


def test_texts_that_a_third_one_lies_between_come_together() -> None:
    """Each has changed a little of the one before; the last has little of the first."""
    steps = [list(LETTER)]
    for place in range(4, len(LETTER) - 4, 9):
        steps.append([*steps[-1][:place], f"changed{'x' * place}", *steps[-1][place + 1 :]])
    assert set(first_of_each(steps)) == {0}


def test_texts_without_words_are_the_same() -> None:
    assert first_of_each([[], ["one"], []]) == [0, 1, 0]


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=12), max_size=12))
def test_it_finds_what_a_comparison_of_all_with_all_finds(texts: list[list[str]]) -> None:
    sets = [_numbered(words) for words in texts]
    group = list(range(len(texts)))
    for one, other in combinations(range(len(texts)), 2):
        if _are_near(sets[one], sets[other]):
            low, high = sorted((group[one], group[other]))
            group = [low if held == high else held for held in group]
    assert first_of_each(texts) == group
