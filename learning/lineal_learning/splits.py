"""Splits a dataset so that nothing is learnt from what is evaluated on.

Items that belong together (one patient, one document, the same bytes, nearly the same content) are
always in the same part. What was given to a part stays there as long as it is in the dataset: the
test part is frozen, and grows only by things that nobody has learnt from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple

from lineal_schemas.models import DatasetItem, DatasetManifest, QuarantinedItem, SplitRule

Part = Literal["train", "calibration", "test"]
PARTS: tuple[Part, ...] = ("train", "calibration", "test")


class Candidate(NamedTuple):
    """Something that could be in a dataset."""

    item: DatasetItem
    reason: str | None = None
    """Why it is left out: an anomaly was open, somebody excluded it."""


class Dataset(NamedTuple):
    """A manifest, and what in it is new."""

    manifest: DatasetManifest
    new_rows: int
    """Rows (readings, documents, photos) that were in no dataset before, quarantined ones
    included."""
    new_train: int
    """Items to learn from (or to set the threshold on) that were in no dataset before."""
    new_test: int


def dataset_of(
    name: str,
    kind: str,
    candidates: Iterable[Candidate],
    rule: SplitRule,
    previous: DatasetManifest | None,
    *,
    changed_us: int = 0,
) -> Dataset:
    """The dataset of an iteration.

    Args:
        rule: how what is new is split.
        previous: the manifest of the iteration before.
        changed_us: where a change of the world asked for it, since when: what came before and what
            came since are split each for itself, and only what came since counts as new.
    """
    ordered = sorted(candidates, key=lambda one: (one.item.time_us, one.item.source))
    known = _parts_of(previous)
    clusters = _Clusters([*_items_of(previous), *(one.item for one in ordered)])
    of_cluster: dict[int, Part] = {}
    for item in _items_of(previous):
        part = known.get(item_key(item))
        if part is not None:
            # The test part wins: what was evaluated on is never learnt from.
            held = of_cluster.get(clusters.of(item), part)
            of_cluster[clusters.of(item)] = max(held, part, key=PARTS.index)
    usable = [one.item for one in ordered if one.reason is None]
    new = [item for item in usable if clusters.of(item) not in of_cluster]
    for side in (
        [item for item in new if item.time_us < changed_us],
        [item for item in new if item.time_us >= changed_us],
    ):
        left = [item for item in side if clusters.of(item) not in of_cluster]
        of_cluster |= _split(left, clusters, rule)
    parts: dict[Part, list[DatasetItem]] = {part: [] for part in PARTS}
    quarantined = []
    for item, reason in ordered:
        part = None if reason is not None else of_cluster[clusters.of(item)]
        if part is not None and known.get(item_key(item), part) != part:
            reason = "the test part has it too"
        if reason is None and part is not None:
            parts[part].append(item)
        else:
            quarantined.append(QuarantinedItem(**item.model_dump(), reason=reason or ""))
    manifest = DatasetManifest(
        model=name,
        kind=kind,
        train=tuple(parts["train"]),
        calibration=tuple(parts["calibration"]),
        test=tuple(parts["test"]),
        quarantined=tuple(quarantined),
        split=rule,
        changed_us=changed_us,
    )
    seen = {item_key(item) for item in _items_of(previous)}
    fresh = {item_key(item) for item in usable if item_key(item) not in known}
    return Dataset(
        manifest,
        new_rows=sum(
            item.rows
            for item, _ in ordered
            if item_key(item) not in seen and item.time_us >= changed_us
        ),
        new_train=sum(item_key(item) in fresh for item in (*manifest.train, *manifest.calibration)),
        new_test=sum(item_key(item) in fresh for item in manifest.test),
    )


def item_key(item: DatasetItem) -> str:
    """What an item is known by from one dataset to the next."""
    # The label is part of it: a document that is labelled anew is a new example.
    return f"{item.digest} {item.source} {item.label or ''}"


def _split(items: Sequence[DatasetItem], clusters: _Clusters, rule: SplitRule) -> dict[int, Part]:
    """The parts of new clusters."""
    if rule.by == "group":
        return _split_by_group(items, clusters, rule)
    return _split_by_time(items, clusters, rule)


def _split_by_time(
    items: Sequence[DatasetItem], clusters: _Clusters, rule: SplitRule
) -> dict[int, Part]:
    """The earliest to learn from, the latest for the test, by the first item of each cluster.

    Split where the share of rows is reached; one item alone is learnt from.
    """
    total = sum(item.rows for item in items)
    parts: dict[int, Part] = {}
    before = 0
    for item in items:
        share = before / total
        part: Part = "train"
        if share >= 1 - rule.calibration_share - rule.test_share:
            part = "calibration" if share < 1 - rule.test_share else "test"
        parts.setdefault(clusters.of(item), part)
        before += item.rows
    return parts


def _split_by_group(
    items: Sequence[DatasetItem], clusters: _Clusters, rule: SplitRule
) -> dict[int, Part]:
    """By chance, which the digest of a cluster's name decides; each label has its share of the
    test."""
    names: dict[int, str] = {}
    labels: dict[int, str] = {}
    for item in items:
        cluster = clusters.of(item)
        name = item.group or item.source
        names[cluster] = min(names.get(cluster, name), name)
        labels[cluster] = min(labels.get(cluster, item.label or ""), item.label or "")
    parts: dict[int, Part] = {}
    for label in sorted(set(labels.values())):
        drawn = sorted(
            (cluster for cluster in names if labels[cluster] == label),
            key=lambda cluster: sha256(f"{rule.seed} {names[cluster]}".encode()).digest(),
        )
        test = round(rule.test_share * len(drawn))
        held_out = test + round(rule.calibration_share * len(drawn))
        for place, cluster in enumerate(drawn):
            parts[cluster] = (
                "test" if place < test else "calibration" if place < held_out else "train"
            )
    return parts


def _items_of(manifest: DatasetManifest | None) -> tuple[DatasetItem, ...]:
    if manifest is None:
        return ()
    return (*manifest.train, *manifest.calibration, *manifest.test, *manifest.quarantined)


def _parts_of(manifest: DatasetManifest | None) -> Mapping[str, Part]:
    if manifest is None:
        return {}
    parts: dict[str, Part] = {}
    for part in PARTS:
        parts |= {item_key(item): part for item in getattr(manifest, part)}
    return parts


class _Clusters:
    """Items that belong together, by what they have in common (union-find)."""

    def __init__(self, items: Iterable[DatasetItem]) -> None:
        self._parents: list[int] = []
        self._by_key: dict[str, int] = {}
        for item in items:
            self._join(split_keys(item))

    def of(self, item: DatasetItem) -> int:
        return self._root(self._by_key[f"digest {item.digest}"])

    def _join(self, keys: Sequence[str]) -> None:
        roots = {self._root(self._by_key[key]) for key in keys if key in self._by_key}
        if not roots:
            roots = {len(self._parents)}
            self._parents.append(len(self._parents))
        first = min(roots)
        for root in roots:
            self._parents[root] = first
        self._by_key |= dict.fromkeys(keys, first)

    def _root(self, node: int) -> int:
        while self._parents[node] != node:
            self._parents[node] = node = self._parents[self._parents[node]]
        return node


def split_keys(item: DatasetItem) -> list[str]:
    """What other items may have in common with one, that must not be in another part then."""
    keys = [f"digest {item.digest}"]
    if item.group is not None:
        keys.append(f"group {item.group}")
    if item.fingerprint is not None:
        keys.append(f"content {item.fingerprint}")
    return keys


def folds_of(manifest: DatasetManifest, count: int) -> list[DatasetManifest]:
    """The training part divided into folds, each held out as the test part of a manifest once.

    What belongs together is in one fold; of a dataset that is split by time a fold is a stretch of
    time. The test part itself is in none of them: settings are not chosen by it.
    """
    items = sorted(manifest.train, key=lambda item: (item.time_us, item.source))
    clusters = _Clusters(items)
    order: dict[int, int] = {}
    for item in items:
        order.setdefault(clusters.of(item), len(order))
    by_time = manifest.split is None or manifest.split.by == "time"

    def fold(item: DatasetItem) -> int:
        place = order[clusters.of(item)]
        return place * count // len(order) if by_time else place % count

    return [
        manifest.model_copy(
            update={
                "train": tuple(item for item in items if fold(item) != number),
                "test": tuple(item for item in items if fold(item) == number),
            }
        )
        for number in range(count)
    ]
