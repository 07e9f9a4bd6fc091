"""One device: 1 kHz scored sample by sample through 100 hot swaps, and 10,000 reloads."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.measurement import Benchmark, Result
from lineal_consumers.retrain.settings import TrainingSettings
from lineal_consumers.retrain.training import train
from lineal_scoring.model import ScoringModel
from lineal_scoring.scorer import DeviceScorer
from lineal_scoring.slot import ModelSlot

_HERTZ, _SECONDS, _SWAPS, _RELOADS = 1000, 5, 100, 10_000
_LATE = 0.05
"""Seconds after which a sample counts as missed."""
_FEATURES = ("roll", "pitch", "yaw", "wind_speed_rps", "rps", "voltage")


def _models() -> tuple[bytes, bytes]:
    random = np.random.default_rng(0)
    runs = [random.standard_normal((5000, 6)) for _ in range(2)]
    return tuple(  # type: ignore[return-value]
        train(
            TrainingSettings(
                features=_FEATURES,
                angles=("yaw",),
                algorithm="autoencoder",
                false_alarm_rate=0.01,
                epochs=5,
                seed=seed,
                step=1,
                length=100,
            ),
            runs[:1],
            runs[1:],
        ).data
        for seed in (0, 1)
    )


def _swapped(models: tuple[bytes, bytes]) -> tuple[int, int, float]:
    """Samples due, samples scored in time, and the latest of them in milliseconds."""
    slot = ModelSlot(ScoringModel(models[0]))
    scorer = DeviceScorer(slot)
    samples = np.random.default_rng(1).standard_normal((_HERTZ * _SECONDS, 1, 6))
    length = scorer.model.preparation.length
    swaps, in_time, latest = 0, 0, 0.0
    pending = slot.load(models[1])
    begun = time.perf_counter()
    for number, sample in enumerate(samples):
        due = begun + number / _HERTZ
        while (left := due - time.perf_counter()) > 0:
            time.sleep(left)
        if swaps < _SWAPS and pending.done() and number >= length * 2:
            slot.swap(pending.result())
            swaps += 1
            pending = slot.load(models[swaps % 2 - 1])
        windows, _ = scorer.push(sample, number + 1)
        late = time.perf_counter() - due
        latest = max(latest, late)
        in_time += len(windows) if late <= _LATE else 0
    slot.close()
    if swaps < _SWAPS:
        raise RuntimeError(f"only {swaps} swaps happened")
    return len(samples) - length + 1, in_time, 1000 * latest


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _grown(models: tuple[bytes, bytes]) -> float:
    """Megabytes more after 10,000 reloads than after the first 500."""
    begun = 0
    for number in range(_RELOADS):
        ScoringModel(models[number % 2]).warm_up()
        if number == 500:
            begun = _resident_bytes()
    return (_resident_bytes() - begun) / 1e6


def _measure() -> Sequence[Result]:
    models = _models()
    due, in_time, latest = _swapped(models)
    return [
        Result("edge.score", due - in_time, f"of {due} samples missed", "0"),
        Result("edge.score.latest", latest, "ms late", ""),
        Result("edge.score.reload_growth", _grown(models), "MB in 10,000 reloads", "flat"),
    ]


BENCHMARKS = (Benchmark(("edge.score", "edge.score.latest", "edge.score.reload_growth"), _measure),)
