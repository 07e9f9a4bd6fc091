"""Anomalies in real sensor runs: SKAB, by the protocol of its leaderboard.

Per file a model learns from the first 400 rows and judges the rest, row by row and without looking
ahead, with one set of settings for all files: the defaults of a machine file. They were chosen on
the eight runs of ``valve1`` and on these with two channels that go elsewhere for good meanwhile; on
other runs they will be somewhat worse. The files are not part of this repository (they are
GPL); ``LINEAL_SKAB`` names another folder with runs of the same form.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.measurement import Benchmark, Result
from lineal_consumers.machine_settings import model_settings
from lineal_consumers.retrain.config import ReadingsModel
from lineal_consumers.retrain.evaluation import Quality, alarms, compare, total
from lineal_consumers.retrain.readings_learner import training_settings
from lineal_consumers.retrain.settings import TrainingSettings
from lineal_consumers.retrain.training import train_on_windows
from lineal_consumers.retrain.windowing import preparation_of, windows_of
from lineal_scoring.machine import Channel, Machine
from lineal_scoring.model import ScoringModel

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "skab"
TRAIN_ROWS = 400
_PIECE = 1150
PUBLISHED = (
    # F1, false alarms %, missed %: the best of SKAB's leaderboard, on all 34 runs
    ("Conv-AE", 0.78, 13.6, 28.0),
    ("MSET", 0.78, 39.7, 14.1),
    ("PCA T²+Q", 0.76, 26.6, 24.9),
)


@dataclass(frozen=True)
class LabelledRun:
    """One experiment."""

    name: str
    features: tuple[str, ...]
    values: npt.NDArray[np.float64]
    """Readings × features."""
    anomalous: npt.NDArray[np.bool_]


def read_runs(folder: Path, *, labelled: bool = True) -> Iterator[LabelledRun]:
    """Every CSV file below a folder that has a column ``anomaly`` and more than 400 rows.

    With ``labelled=False`` those that have none, as runs without anomalies.

    Separated by semicolons; the columns ``datetime``, ``anomaly`` and ``changepoint`` are not
    features. An empty field is a missing value.
    """
    for file in sorted(folder.rglob("*.csv")):
        with file.open(newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter=";"))
        if len(rows) <= TRAIN_ROWS or ("anomaly" in rows[0]) != labelled:
            continue
        features = tuple(
            name for name in rows[0] if name not in ("datetime", "anomaly", "changepoint")
        )
        yield LabelledRun(
            name=str(file.relative_to(folder)),
            features=features,
            values=np.array([[float(row[name] or "nan") for name in features] for row in rows]),
            anomalous=np.array([float(row.get("anomaly") or 0) > 0 for row in rows]),
        )


def model_of(
    features: tuple[str, ...], normal: npt.NDArray[np.float64], **changes: Any
) -> ScoringModel:
    """What ``lineal model train`` makes of readings for a machine file that names nothing but its
    channels.

    There are too few to hold some out, so the threshold is set on the readings it learns from.

    Args:
        changes: of the model's settings.
    """
    pump = Machine(name="pump", devices=("*",), channels={name: Channel() for name in features})
    asked = ReadingsModel(**{**model_settings(pump), **changes})
    settings: TrainingSettings = training_settings(asked, asked.algorithms[0])
    settings = replace(settings, tail="chi2")
    windows, _ = windows_of(preparation_of(settings, [normal]), [normal], settings.settling)
    return ScoringModel(train_on_windows(settings, [normal], windows, windows).data)


def evaluate(run: LabelledRun, **changes: Any) -> Quality:
    """Learn from the first 400 rows of a run and judge the others."""
    model = model_of(run.features, run.values[:TRAIN_ROWS], **changes)
    said = alarms(model, run.values)
    return compare(said[TRAIN_ROWS:], run.anomalous[TRAIN_ROWS:])


def measure_folder(folder: Path, **changes: Any) -> dict[str, Quality]:
    """The quality on every run below a folder, by name.

    Args:
        changes: of the settings, the same for all runs.

    Raises:
        FileNotFoundError: there are no labelled runs.
    """
    found = {run.name: evaluate(run, **changes) for run in read_runs(folder)}
    if not found:
        raise FileNotFoundError(f"no labelled runs below {folder}")
    return found


def measure_without_faults(folder: Path) -> Quality:
    """False alarms on runs without faults, cut into overlapping pieces as long as the others."""
    pieces = (
        replace(
            run, values=run.values[begin : begin + _PIECE], anomalous=np.zeros(_PIECE, dtype=bool)
        )
        for run in read_runs(folder, labelled=False)
        for begin in range(0, len(run.values) - _PIECE + 1, TRAIN_ROWS)
    )
    return total(evaluate(piece) for piece in pieces)


def measure_next_day(folder: Path) -> Quality:
    """Learn from the runs without faults, another day at another operating point, and judge the
    labelled ones from their beginning."""
    days = list(read_runs(folder, labelled=False))
    model = model_of(days[0].features, np.concatenate([day.values for day in days]))
    return total(compare(alarms(model, run.values), run.anomalous) for run in read_runs(folder))


def _measure_next_day() -> Sequence[Result]:
    folder = Path(os.environ.get("LINEAL_SKAB") or FOLDER)
    if not folder.is_dir():
        print(f"  no folder {folder}: SKAB is not measured")
        return []
    found = measure_next_day(folder)
    return [
        Result("quality.pump_next_day", 100 * found.false_alarm_rate, "% of normal rows", "≤ 5"),
        Result(
            "quality.pump_next_day.missed", 100 * found.missed_rate, "% of anomalous rows", "≤ 30"
        ),
    ]


def _measure() -> Sequence[Result]:
    folder = Path(os.environ.get("LINEAL_SKAB") or FOLDER)
    if not folder.is_dir():
        print(f"  no folder {folder}: SKAB is not measured")
        return []
    found = measure_folder(folder)
    for name, one in found.items():
        print(f"  {name}: {_line(one)}")
    whole = total(found.values())
    print(f"  by the defaults of a machine file, {len(found)} runs: {_line(whole)}")
    changed = {"algorithms": ("autoencoder",)}
    print(
        f"  autoencoder, same settings: {_line(total(measure_folder(folder, **changed).values()))}"
    )
    quiet = measure_without_faults(folder)
    if quiet.quiet:
        print(f"  runs without faults: false alarms {100 * quiet.false_alarm_rate:.1f} %")
    for name, f1, false_alarms, missed in PUBLISHED:
        print(f"  published, {name}, 34 runs: F1 {f1}, false {false_alarms} %, missed {missed} %")
    best, f1, false_alarms, missed = PUBLISHED[0]
    peer = f"{best} (published, 34 runs)"
    return [
        Result("quality.skab", whole.f1, "F1", "≥ 0.85", peer, f1, whole.f1 / f1),
        Result(
            "quality.skab.false_alarms",
            100 * whole.false_alarm_rate,
            "% of normal rows",
            "≤ 12",
            peer,
            false_alarms,
        ),
        Result(
            "quality.skab.missed", 100 * whole.missed_rate, "% of anomalous rows", "", peer, missed
        ),
    ]


def _line(quality: Quality) -> str:
    return (
        f"F1 {quality.f1:.3f}, false alarms {100 * quality.false_alarm_rate:.1f} %, "
        f"missed {100 * quality.missed_rate:.1f} %"
    )


BENCHMARKS = (
    Benchmark(
        ("quality.skab", "quality.skab.false_alarms", "quality.skab.missed"),
        _measure,
        limit_s=300,
        timed=False,
    ),
    Benchmark(
        ("quality.pump_next_day", "quality.pump_next_day.missed"), _measure_next_day, timed=False
    ),
)
