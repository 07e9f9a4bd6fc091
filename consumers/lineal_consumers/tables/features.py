"""Computes features and targets of entities, each as of a time.

A feature function is only ever given rows of before the cutoff, and a target function only those
from it on: there is no way to look ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lineal_consumers.tables.definition import DAY_US, Definition, Feature

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Rows(NamedTuple):
    """Rows of a table, in any order."""

    entity: npt.NDArray[np.str_]
    time: Ints
    """Microseconds since the Unix epoch."""
    columns: Mapping[str, Floats]


class Examples(NamedTuple):
    """Entities as of cutoffs."""

    entity: npt.NDArray[np.str_]
    cutoff: Ints
    features: npt.NDArray[np.float32]
    targets: Mapping[str, npt.NDArray[np.float32]]
    """Empty for examples that are to be scored."""


class _Known(NamedTuple):
    """The rows before a cutoff, sorted by entity and time, with entities as numbers from 0."""

    code: Ints
    time: Ints
    columns: Mapping[str, Floats]
    entities: int
    cutoff: int


def examples_of(rows: Rows, definition: Definition, cutoffs: tuple[int, ...]) -> Examples:
    """Features and targets of all entities that have rows before a cutoff."""
    return _examples(rows, definition, cutoffs, with_targets=True)


def features_as_of(rows: Rows, definition: Definition, as_of_us: int) -> Examples:
    """Features of all entities as of a time, to be scored."""
    return _examples(rows, definition, (as_of_us,), with_targets=False)


def _examples(
    rows: Rows, definition: Definition, cutoffs: tuple[int, ...], *, with_targets: bool
) -> Examples:
    order = np.lexsort((rows.time, rows.entity))
    entity, time = rows.entity[order], rows.time[order]
    columns = {name: values[order] for name, values in rows.columns.items()}
    parts = []
    for cutoff in cutoffs:
        before = time < cutoff
        names, code = np.unique(entity[before], return_inverse=True)
        if not len(names):
            continue
        known = _Known(
            code.astype(np.int64),
            time[before],
            {name: values[before] for name, values in columns.items()},
            len(names),
            cutoff,
        )
        features = np.stack(
            [_feature(known, feature) for feature in definition.features.values()], axis=1
        )
        targets = {}
        if with_targets:
            after = ~before & (time < cutoff + definition.horizon_us)
            place = np.searchsorted(names, entity[after])
            place = np.minimum(place, len(names) - 1)
            ours = names[place] == entity[after]
            targets = _targets(
                place[ours],
                {name: values[after][ours] for name, values in columns.items()},
                len(names),
                definition,
            )
        parts.append(
            Examples(
                names,
                np.full(len(names), cutoff, np.int64),
                features.astype(np.float32),
                targets,
            )
        )
    return _joined(parts, definition, with_targets)


def _joined(parts: list[Examples], definition: Definition, with_targets: bool) -> Examples:
    names = definition.targets if with_targets else ()
    if not parts:
        none = np.empty(0, np.float32)
        return Examples(
            np.empty(0, np.str_), np.empty(0, np.int64),
            np.empty((0, len(definition.features)), np.float32), dict.fromkeys(names, none),
        )  # fmt: skip
    return Examples(
        np.concatenate([part.entity for part in parts]),
        np.concatenate([part.cutoff for part in parts]),
        np.concatenate([part.features for part in parts]),
        {name: np.concatenate([part.targets[name] for part in parts]) for name in names},
    )


def _feature(known: _Known, feature: Feature) -> Floats:
    if feature.days is not None:
        recent = known.time >= known.cutoff - feature.days * DAY_US
        known = known._replace(
            code=known.code[recent],
            time=known.time[recent],
            columns={name: values[recent] for name, values in known.columns.items()},
        )
    values = np.empty(0) if feature.column is None else known.columns[feature.column]
    return _AGGREGATES[feature.aggregate](known, values)


def _count(known: _Known, values: Floats) -> Floats:
    return np.bincount(known.code, minlength=known.entities).astype(np.float64)


def _sum(known: _Known, values: Floats) -> Floats:
    sums: Floats = np.bincount(
        known.code, weights=np.nan_to_num(values), minlength=known.entities
    ).astype(np.float64)
    return sums


def _mean(known: _Known, values: Floats) -> Floats:
    there = ~np.isnan(values)
    counts = np.bincount(known.code[there], minlength=known.entities)
    sums = np.bincount(known.code[there], weights=values[there], minlength=known.entities)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _extreme(choose: Callable[..., None]) -> Callable[[_Known, Floats], Floats]:
    def extreme(known: _Known, values: Floats) -> Floats:
        found = np.full(known.entities, np.nan)
        choose(found, known.code, values)
        return found

    return extreme


def _last_row(known: _Known) -> Ints:
    """For each entity the place of its last row; -1 without any."""
    last = np.full(known.entities, -1, np.int64)
    last[known.code] = np.arange(len(known.code))  # rows of an entity are in order of time
    return last


def _last(known: _Known, values: Floats) -> Floats:
    """The last value that is known: a newer row may lack the column."""
    there = ~np.isnan(values)
    found = np.full(known.entities, np.nan)
    found[known.code[there]] = values[there]  # rows of an entity are in order of time
    return found


def _since_last(known: _Known, values: Floats) -> Floats:
    last = _last_row(known)
    if not len(known.time):
        return np.full(known.entities, np.nan)
    return np.where(last >= 0, (known.cutoff - known.time[last]) / DAY_US, np.nan)


def _since_first(known: _Known, values: Floats) -> Floats:
    first = np.full(known.entities, np.iinfo(np.int64).max)
    np.minimum.at(first, known.code, known.time)
    there = np.bincount(known.code, minlength=known.entities) > 0
    return np.where(there, (known.cutoff - first) / DAY_US, np.nan)


def _mean_gap(known: _Known, values: Floats) -> Floats:
    """Days between one row and the next; missing for entities with a single one."""
    counts = np.bincount(known.code, minlength=known.entities)
    span = _since_first(known, values) - _since_last(known, values)
    return np.where(counts > 1, span / np.maximum(counts - 1, 1), np.nan)


_AGGREGATES: Mapping[str, Callable[[_Known, Floats], Floats]] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "max": _extreme(np.fmax.at),
    "min": _extreme(np.fmin.at),
    "last": _last,
    "days_since_last": _since_last,
    "days_since_first": _since_first,
    "mean_gap_days": _mean_gap,
}


def _targets(
    place: npt.NDArray[np.intp], columns: Mapping[str, Floats], count: int, definition: Definition
) -> dict[str, npt.NDArray[np.float32]]:
    found = {}
    for name, target in definition.targets.items():
        rows = np.bincount(place, minlength=count)
        if target.aggregate == "sum":
            assert target.column is not None
            values = np.nan_to_num(columns[target.column])
            found[name] = np.bincount(place, weights=values, minlength=count).astype(np.float32)
        elif target.aggregate == "any":
            assert target.column is not None
            hit = np.nan_to_num(columns[target.column]) > 0
            found[name] = (np.bincount(place[hit], minlength=count) > 0).astype(np.float32)
        elif target.aggregate == "count":
            found[name] = rows.astype(np.float32)
        else:
            found[name] = (rows == 0).astype(np.float32)
    return found
