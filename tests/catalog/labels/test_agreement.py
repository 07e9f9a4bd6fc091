"""Kappas against values of the literature and of scikit-learn; consensus against the truth."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_catalog.labels.agreement import (
    Vote,
    cohen_kappa,
    dawid_skene,
    fleiss_kappa,
    majority,
)

LABELS = st.sampled_from(("a", "b", "c"))

# Ten subjects, fourteen raters, five categories; kappa is 0.210 (the worked example of
# https://en.wikipedia.org/wiki/Fleiss'_kappa).
FLEISS = [
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
]  # fmt: skip


def test_fleiss_kappa_is_that_of_the_literature() -> None:
    votes = []
    for item, counts in enumerate(FLEISS):
        given_labels = [str(label) for label, count in enumerate(counts) for _ in range(count)]
        votes += [Vote(str(item), str(n), label) for n, label in enumerate(given_labels)]
    assert fleiss_kappa(votes) == pytest.approx(0.20993, abs=1e-5)


def test_cohen_kappa_is_that_of_the_literature() -> None:
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: kappa is 0.4.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)


@given(pairs=st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=30))
def test_cohen_kappa_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    from sklearn.metrics import cohen_kappa_score

    first, second = [list(side) for side in zip(*pairs, strict=True)]
    ours = cohen_kappa(first, second)
    if ours is None:
        assert len(set(first) | set(second)) == 1
    else:
        assert ours == pytest.approx(cohen_kappa_score(first, second), abs=1e-9)


def test_where_all_say_one_thing_or_one_alone_says_anything_no_kappa_is_defined() -> None:
    assert cohen_kappa(["a"], ["a"]) is None
    assert fleiss_kappa([Vote("i", "w", "a")]) is None
    assert cohen_kappa([], []) is None


def test_a_tie_is_resolved_by_nobody() -> None:
    votes = [Vote("i", "1", "a"), Vote("i", "2", "b"), Vote("j", "1", "a")]
    assert majority(votes) == {"i": (None, 0.5), "j": ("a", 1.0)}


def test_who_is_often_wrong_counts_less_than_who_is_right() -> None:
    """One careful worker and two who answer by chance: the majority is misled."""
    chance = random.Random(3)
    truth = {str(n): chance.choice("ab") for n in range(200)}
    votes = []
    for item, label in truth.items():
        for worker, skill in (("careful", 0.97), ("fair", 0.75), ("x", 0.55), ("y", 0.55)):
            wrong = {"a": "b", "b": "a"}[label]
            votes.append(Vote(item, worker, label if chance.random() < skill else wrong))

    def right(found: dict[str, tuple[str | None, float]]) -> int:
        return sum(found[item][0] == label for item, label in truth.items())

    by_majority, by_skill = right(majority(votes)), right(dawid_skene(votes))  # type: ignore[arg-type]
    assert by_skill > by_majority
    assert by_skill >= 190


@given(votes=st.lists(st.builds(Vote, st.sampled_from("ij"), st.sampled_from("wxyz"), LABELS),
                      min_size=1, max_size=12))  # fmt: skip
def test_what_all_say_holds(votes: list[Vote]) -> None:
    for found in (majority(votes), dawid_skene(votes)):
        for item in {vote.item for vote in votes}:
            labels = {vote.label for vote in votes if vote.item == item}
            assert 0 < found[item].confidence <= 1 + 1e-9
            if len({vote.label for vote in votes}) == 1:
                assert found[item].label in labels
