"""Trains a scoring model from runs of normal readings, reproducibly."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from lineal.errors import LinealError
from lineal_consumers.retrain.autoencoder import Autoencoder, fit_autoencoder
from lineal_consumers.retrain.calibration import (
    bounded_threshold,
    chi2_threshold,
    empirical_threshold,
    exceedance,
)
from lineal_consumers.retrain.graph import to_onnx
from lineal_consumers.retrain.pca import Pca, fit_pca
from lineal_consumers.retrain.settings import TrainingSettings
from lineal_consumers.retrain.windowing import filled, preparation_of, windows_of
from lineal_scoring.model import ScoringModel
from lineal_scoring.preparation import PointRules, Preparation

Array = npt.NDArray[np.float64]
_LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "scipy", "threadpoolctl")
_GOLDEN = 8


@dataclass(frozen=True)
class TrainedModel:
    """A scoring model and what its package and its record need."""

    data: bytes
    """ONNX with metadata; its SHA-256 is the model's digest."""
    threshold: float
    settings: TrainingSettings
    train_windows: int
    calibration_windows: int
    calibration_alarm_share: float
    """Of the calibration windows, how many are above the threshold (0 to 1)."""
    exceedance: tuple[float, float]
    """How often a normal window is above the threshold: estimated, and at most (90 %)."""
    golden_windows: Array
    """8 × length × channels, from the calibration data."""
    golden_scores: tuple[float, ...]
    parity: float
    """Largest relative difference between graph and trainer on the golden windows."""
    libraries: dict[str, str]
    python: str
    platform: str

    @property
    def sha256(self) -> str:
        return sha256(self.data).hexdigest()


def with_point_rules(
    preparation: Preparation,
    settings: TrainingSettings,
    runs: Sequence[Array],
    model: Pca | Autoencoder,
    threshold: float,
) -> Preparation:
    """The recipe of a model whose devices learn what is normal where they run.

    That is for departures from a baseline that a linear model scores by their present size alone.
    """
    baseline = preparation.baseline
    if baseline is None or settings.hold is None or not isinstance(model, Pca):
        return preparation
    if settings.spread or settings.lags != (0,):
        return preparation
    channels = np.concatenate([preparation.to_channels(filled(run)) for run in runs])
    space = np.linalg.inv(model.root) * model.preprocessor.scale[0] * threshold
    rules = PointRules(
        centre=tuple(channels.mean(axis=0).tolist()),
        spread=tuple(np.maximum(channels.std(axis=0), 1e-9).tolist()),
        space=tuple(space.ravel().tolist()),
        denoise_span=settings.denoise_span,
        shrinkage=settings.shrinkage,
        explained=settings.explained,
        false_alarm_rate=settings.false_alarm_rate,
        margin=settings.margin,
        wander_gate=settings.wander_gate,
        settling=settings.settling,
    )
    return replace(preparation, baseline=replace(baseline, points=rules))


def _calibrated(
    settings: TrainingSettings, scores: Array, together: int
) -> tuple[float, TrainingSettings]:
    """The threshold, and the settings with rate and margin by which another operating point comes
    to one that means the same."""
    if settings.max_exceedance is None:
        find = empirical_threshold if settings.tail == "empirical" else chi2_threshold
        return settings.margin * find(scores, settings.false_alarm_rate), settings
    threshold = bounded_threshold(scores, settings.max_exceedance, together)
    margin = max(1.0, threshold / chi2_threshold(scores, settings.max_exceedance))
    return threshold, replace(settings, false_alarm_rate=settings.max_exceedance, margin=margin)


class ParityError(LinealError):
    """The exported graph does not compute the same scores as the trainer."""


def train(
    settings: TrainingSettings, runs: Sequence[Array], calibration: Sequence[Array]
) -> TrainedModel:
    """Train on some runs and set the threshold on others.

    The linear algebra library is held to ``settings.threads`` threads meanwhile: with another
    number the last bits differ. The same settings, data, libraries and kind of processor give the
    same bytes.

    Args:
        runs: normal readings, each readings × features and consecutive; NaN where missing.
        calibration: normal readings that were held out, later than the runs.

    Raises:
        ValueError: too few windows to learn from, or to calibrate on for the stated rate.
        ParityError: graph and trainer differ by more than 1e-5.
    """
    preparation = preparation_of(settings, runs)
    windows, _ = windows_of(preparation, runs, settings.settling)
    held_out, _ = windows_of(preparation, calibration, settings.settling)
    return train_on_windows(settings, runs, windows, held_out)


def train_on_windows(
    settings: TrainingSettings, runs: Sequence[Array], windows: Array, held_out: Array
) -> TrainedModel:
    """The same from windows that are cut already (count × length × channels).

    Args:
        runs: what the windows were cut from; the preparation is learnt from them.
        windows: to learn from.
        held_out: to set the threshold on.

    Raises:
        ValueError, ParityError: see :func:`train`.
    """
    from threadpoolctl import threadpool_limits

    preparation = preparation_of(settings, runs)
    with threadpool_limits(limits=settings.threads):
        model: Pca | Autoencoder
        if settings.algorithm == "pca":
            model = fit_pca(windows, settings)
        else:
            model = fit_autoencoder(windows, settings)
        scores, _ = model.score(held_out)
        together = max(1, settings.denoise_span // settings.step)
        threshold, settings = _calibrated(settings, scores, together)
        preparation = with_point_rules(preparation, settings, runs, model, threshold)
        data = to_onnx(model, preparation, threshold, settings.alarm)
        picked = np.linspace(0, len(held_out) - 1, _GOLDEN).astype(int)
        golden = held_out[picked]
        expected, _ = model.score(golden)
    scoring = ScoringModel(data)
    found = [scoring.score(golden[number : number + 1]).value for number in range(_GOLDEN)]
    parity = float(np.max(np.abs(np.array(found) - expected) / np.maximum(expected, 1.0)))
    if not parity <= 1e-5:
        raise ParityError(f"graph and trainer differ by {parity:.2g}")
    return TrainedModel(
        data=data,
        threshold=threshold,
        settings=settings,
        train_windows=len(windows),
        calibration_windows=len(held_out),
        calibration_alarm_share=float((scores > threshold).mean()),
        exceedance=exceedance(scores, threshold, together),
        golden_windows=golden,
        golden_scores=tuple(found),
        parity=parity,
        libraries={name: version(name) for name in _LIBRARIES},
        python=platform.python_version(),
        platform=f"{platform.machine()}-{sys.platform}",
    )
