"""Finds what would let a model be evaluated on something it has learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lineal.errors import Reject
from lineal_learning.splits import PARTS, item_key, split_keys
from lineal_schemas.models import DatasetItem, DatasetManifest

_NAMED = 5
_WHAT = {
    "digest": "the same bytes",
    "group": "the same group",
    "content": "nearly the same content",
}


class Leak(NamedTuple):
    """Two parts of a dataset that share something."""

    what: str
    """In words: ``the same group``."""
    item: str
    """Source of the item in the test or calibration part."""
    other: str
    """Source of the one to learn from, or the name of what gives the answer away."""

    def __str__(self) -> str:
        return f"{self.item} and {self.other} have {self.what}"


class LeakFound(Reject):
    """A dataset leaks: what it says of a model would be worth nothing. The message names the
    items."""


def leaks_of(manifest: DatasetManifest) -> list[Leak]:
    """What two parts of a dataset have in common: bytes, a group, or nearly the same content."""
    held: dict[str, tuple[int, DatasetItem]] = {}
    leaks = []
    for place, part in enumerate(PARTS):
        items: tuple[DatasetItem, ...] = getattr(manifest, part)
        for item in items:
            for key in split_keys(item):
                before = held.setdefault(key, (place, item))
                if before[0] != place:
                    what = _WHAT[key.partition(" ")[0]]
                    leaks.append(Leak(what, item.source, before[1].source))
    return leaks


def moved_from_test(manifest: DatasetManifest, previous: DatasetManifest) -> list[Leak]:
    """Items of the previous test part that are not in the test part any more, but learnt from."""
    tested = {item_key(item) for item in previous.test}
    return [
        Leak("been in the test part before", item.source, item.source)
        for part in ("train", "calibration")
        for item in getattr(manifest, part)
        if item_key(item) in tested
    ]


def check_leaks(manifest: DatasetManifest, previous: DatasetManifest | None = None) -> None:
    """Refuse a dataset that leaks.

    Raises:
        LeakFound: two parts have something in common, or what was in the previous test part is
            learnt from.
    """
    leaks = leaks_of(manifest)
    if previous is not None:
        leaks += moved_from_test(manifest, previous)
    if leaks:
        raise leak_found(leaks)


def leak_found(leaks: Sequence[Leak]) -> LeakFound:
    """The error that names leaks: the first five, and how many more there are."""
    named = "; ".join(map(str, leaks[:_NAMED]))
    more = f"; and {len(leaks) - _NAMED} more" if len(leaks) > _NAMED else ""
    return LeakFound(f"the dataset leaks from training into the test: {named}{more}")
