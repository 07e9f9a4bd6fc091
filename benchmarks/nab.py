"""Anomalies in single streams: the Numenta Anomaly Benchmark (NAB), by its own scoring.

58 files of one channel each. The first 15 % of a file (750 rows at most) are the probation: a model
learns from them, and judges the rest, row by row and without looking ahead, by the defaults of a
machine file. Detectors of NAB choose one threshold for all files on the very files that are scored;
here the threshold is what training gives. A detection is an anomaly that opens: what people are
told, once.

The files are not part of this repository (they are MIT): ``LINEAL_NAB`` names a clone of
https://github.com/numenta/NAB. Scores of others are those of its ``results/final_results.json``.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.measurement import Benchmark, Result
from benchmarks.skab import model_of
from lineal_consumers.retrain.evaluation import alarms
from lineal_scoring.model import ModelError

FALSE_POSITIVE_WEIGHT = 0.11
"""Of the profile ``standard``."""
_PROBATION, _MAX_PROBATION_ROWS = 0.15, 5000
PUBLISHED = (("numenta", 70.1), ("windowedGaussian", 39.6), ("random", 16.8))


class Stream(NamedTuple):
    """A file of the corpus."""

    name: str
    values: npt.NDArray[np.float64]
    """Readings × 1."""
    windows: Sequence[tuple[int, int]]
    """First and last row of each labelled window."""

    @property
    def probation(self) -> int:
        """The rows that are not scored."""
        return int(_PROBATION * min(len(self.values), _MAX_PROBATION_ROWS))


def read_corpus(folder: Path) -> Iterator[Stream]:
    """The corpus of a clone of NAB.

    Raises:
        OSError: files are missing.
    """
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text())
    for name, windows in labels.items():
        with (folder / "data" / name).open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        row_of = {row["timestamp"]: number for number, row in reversed(list(enumerate(rows)))}
        limits = [tuple(row_of[at.partition(".")[0]] for at in window) for window in windows]
        yield Stream(
            name,
            np.array([[float(row["value"])] for row in rows]),
            [(first, last) for first, last in limits],
        )


def nab_score(detections: Sequence[int], stream: Stream) -> float:
    """The raw score of a file (Lavin and Ahmad, 2015, "Evaluating Real-Time Anomaly Detection
    Algorithms"): for each window 1 or less, the earlier its first detection, and -1 without one;
    for each detection elsewhere up to ``FALSE_POSITIVE_WEIGHT`` less, the farther from the window
    before it.

    Args:
        detections: rows.
    """
    seen = [row for row in detections if row >= stream.probation]
    score = 0.0
    for first, last in stream.windows:
        if last < stream.probation:
            continue
        inside = [row for row in seen if first <= row <= last]
        width = last - first + 1
        score += _scaled((min(inside) - last - 1) / width) / _scaled(-1) if inside else -1
    for row in seen:
        if any(first <= row <= last for first, last in stream.windows):
            continue
        before = [window for window in stream.windows if window[1] < row]
        if before:
            first, last = max(before)
            score += FALSE_POSITIVE_WEIGHT * _scaled((row - last) / (last - first))
        else:
            score -= FALSE_POSITIVE_WEIGHT
    return score


def normalized(score: float, windows: int) -> float:
    """A score of the corpus between that of no detection at all (0) and of all at once (100)."""
    return 100 * (score + windows) / (2 * windows)


def _scaled(position: float) -> float:
    """The sigmoid of a position relative to a window: -1 is its begin, 0 its end."""
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


def detections_of(stream: Stream) -> list[int]:
    """The rows at which an anomaly opens, by what training makes of the probation.

    Raises:
        ModelError: nothing can be learnt from it, since all of its values are the same.
    """
    model = model_of(("value",), stream.values[: stream.probation])
    flagged = alarms(model, stream.values)
    return [row for row in np.flatnonzero(flagged).tolist() if row == 0 or not flagged[row - 1]]


def _measure() -> Sequence[Result]:
    folder = Path(os.environ.get("LINEAL_NAB") or "NAB")
    if not (folder / "labels").is_dir():
        print(f"  no folder {folder}: clone github.com/numenta/NAB, and name it by LINEAL_NAB")
        return []
    corpus = list(read_corpus(folder))
    by_kind: dict[str, list[float]] = {}
    total, found, false = 0.0, 0, 0
    for stream in corpus:
        try:
            rows = detections_of(stream)
        except ModelError as error:
            print(f"  {stream.name}: no model ({error}), so nothing is detected")
            rows = []
        score = nab_score(rows, stream)
        total += score
        seen = [row for row in rows if row >= stream.probation]
        hit = [[w for w in stream.windows if w[0] <= row <= w[1]] for row in seen]
        found += len({window for windows in hit for window in windows})
        false += sum(not windows for windows in hit)
        by_kind.setdefault(stream.name.partition("/")[0], []).append(score)
    for kind, scores in by_kind.items():
        print(f"  {kind}: {sum(scores):.2f} on {len(scores)} files")
    windows = sum(len(stream.windows) for stream in corpus)
    print(f"  {found} of {windows} windows found, {false} anomalies opened elsewhere")
    for name, score in PUBLISHED:
        print(f"  published, {name}: {score}")
    value = normalized(total, windows)
    best, theirs = PUBLISHED[0]
    peer = f"{best} (published, its threshold chosen on these files)"
    return [Result("quality.nab", value, "NAB score, standard", "for the record", peer, theirs)]


BENCHMARKS = (Benchmark(("quality.nab",), _measure, limit_s=600, timed=False),)
