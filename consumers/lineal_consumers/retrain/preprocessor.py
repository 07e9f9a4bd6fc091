"""The first layers of both kinds of model: smoothing and normalisation of a window.

The denoising is one fixed, causal filter, an exponential moving average truncated to the window, so
it is the same in training and on the device whatever the length of the series (a wavelet threshold
that grows with the series is not).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lineal_consumers.retrain.settings import TrainingSettings

Array = npt.NDArray[np.float64]
LIMIT = 1e4
"""Scaled values are cut off here: a wild reading must not overflow a float32."""


def taps(length: int, span: int, lags: tuple[int, ...]) -> Array:
    """The filter as a matrix, lags × length: row by row the weights of the window's readings."""
    keep = 1.0 - 2.0 / (span + 1)
    rows = np.zeros((len(lags), length))
    for row, lag in zip(rows, lags, strict=True):
        weights = keep ** np.arange(length - lag)
        row[: length - lag] = (weights / weights.sum())[::-1]
    return rows


@dataclass(frozen=True)
class Preprocessor:
    """From a window to scaled values: lags × channels, and one row more for the spread."""

    taps: Array
    mean: Array
    """Per channel, subtracted in double precision before anything else."""
    scale: Array
    """(lags + spread) × channels."""
    floor: Array | None
    """Per channel, added to the variance before its logarithm; None without spread."""
    spread_mean: Array | None

    @property
    def rows(self) -> int:
        return len(self.scale)

    def apply(self, windows: Array) -> Array:
        """Count × length × channels to count × rows × channels."""
        values, spread = _raw(windows - self.mean, self.taps, self.floor)
        if spread is not None:
            assert self.spread_mean is not None
            values = np.concatenate([values, (spread - self.spread_mean)[:, np.newaxis]], axis=1)
        scaled: Array = np.clip(values / self.scale, -LIMIT, LIMIT)
        return scaled


def fit_preprocessor(windows: Array, settings: TrainingSettings) -> Preprocessor:
    """Learn mean and scale (root mean square) from normal windows.

    Departures from a baseline are taken as they are: that they were one-sided in training, because
    the baseline lagged behind a trend, does not make the trend normal.

    A channel that never moves is given the scale 1, so that any later movement still counts.

    Raises:
        ValueError: there are fewer than two windows.
    """
    if len(windows) < 2:
        raise ValueError(f"{len(windows)} windows are not enough to learn from")
    matrix = taps(settings.length, settings.denoise_span, settings.lags)
    mean = np.zeros(windows.shape[2])
    if settings.baseline_span is None:
        mean = np.einsum("l,nlc->c", matrix.mean(axis=0), windows) / len(windows)
    centred = windows - mean
    variance = centred.var(axis=(0, 1))
    floor = 1e-6 * np.where(variance > 0, variance, 1.0) if settings.spread else None
    values, spread = _raw(centred, matrix, floor)
    scale = np.sqrt((values**2).mean(axis=0))
    spread_mean = None
    if spread is not None:
        spread_mean = spread.mean(axis=0)
        scale = np.concatenate([scale, spread.std(axis=0)[np.newaxis]])
    magnitude = np.maximum(np.abs(mean), 1.0)
    return Preprocessor(
        taps=matrix,
        mean=mean,
        scale=np.where(scale > 1e-9 * magnitude, scale, 1.0),
        floor=floor,
        spread_mean=spread_mean,
    )


def _raw(centred: Array, matrix: Array, floor: Array | None) -> tuple[Array, Array | None]:
    values = np.matmul(matrix, centred)
    if floor is None:
        return values, None
    about = centred - values[:, :1]
    spread: Array = np.log((about**2).mean(axis=1) + floor)
    return values, spread
