"""Finds texts that say nearly the same: a copy in which some words were changed or misread.

Two texts are nearly the same where their numbers are the same and four in five of all their pairs
of neighbouring words are in both: a changed word in some twenty. Numbers count apart because
documents made from one template differ in them: a second invoice of a supplier is not a copy of
the first.

Pairs are found exactly and without comparing all with all, by the prefix filter of Bayardo, Ma and
Srikant, "Scaling up all pairs similarity search" (2007): two sets that share so much share one of
their rarest members.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

_LEAST = 0.8
"""Pairs of words that both texts have, of those that either has."""


def first_of_each(texts: Sequence[Sequence[str]]) -> list[int]:
    """For each text the place of the first one that is nearly the same, which may be itself.

    Texts that are not alike come together where a third one is nearly the same as both.
    """
    parents = list(range(len(texts)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = place = parents[parents[place]]
        return place

    for one, other in _pairs(texts):
        first, second = sorted((root(one), root(other)))
        parents[second] = first
    return [root(place) for place in range(len(texts))]


def _pairs(texts: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    """Pairs of places of texts that are nearly the same, the earlier one first."""
    numbered = [_numbered(words) for words in texts]
    often = Counter(member for members in numbered for member in members)
    numbers = [tuple(sorted(word for word in words if _has_digit(word))) for words in texts]
    holders: dict[tuple[str, int], list[int]] = defaultdict(list)
    empty: list[int] = []
    for place, members in enumerate(numbered):
        if not members:
            empty.append(place)
            yield empty[0], place
            continue
        rare_first = sorted(members, key=lambda member: (often[member], member))
        rare = rare_first[: len(members) - math.ceil(_LEAST * len(members)) + 1]
        for other in sorted({held for member in rare for held in holders[member]}):
            if numbers[other] == numbers[place] and _are_near(members, numbered[other]):
                yield other, place
        for member in rare:
            holders[member].append(place)


def _numbered(words: Sequence[str]) -> frozenset[tuple[str, int]]:
    """Each pair of neighbours, numbered among those that are alike: a set that counts."""
    seen: Counter[str] = Counter()
    members = []
    for pair in map(" ".join, pairwise(["", *words])) if words else ():
        seen[pair] += 1
        members.append((pair, seen[pair]))
    return frozenset(members)


def _are_near(one: frozenset[tuple[str, int]], other: frozenset[tuple[str, int]]) -> bool:
    both = len(one & other)
    return both >= _LEAST * (len(one) + len(other) - both)


def _has_digit(word: str) -> bool:
    return any(letter.isdigit() for letter in word)
