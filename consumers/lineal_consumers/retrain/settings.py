"""Parameters of a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lineal_scoring.alarm import AlarmRules

Algorithm = Literal["pca", "autoencoder"]


@dataclass(frozen=True)
class HoldRules:
    """When an anomaly holds a channel's level: see :class:`lineal_scoring.preparation.Hold`."""

    above: float = 6.0
    onset: int = 30
    accept_after: int = 600


@dataclass(frozen=True)
class TrainingSettings:
    """Everything but the data. Spans, lengths and steps are in readings."""

    features: tuple[str, ...]
    algorithm: Algorithm = "pca"
    angles: tuple[str, ...] = ()
    length: int = 100
    step: int = 10
    denoise_span: int = 20
    """Of the exponential moving average that takes the noise off, truncated to the window."""
    lags: tuple[int, ...] = (0,)
    """How long ago, within the window, the denoised values are taken from."""
    spread: bool = False
    """Whether the logarithm of each channel's variance about its denoised value counts too: it
    shows vibration, and a stuck sensor."""
    baseline_span: int | None = None
    """None: levels are absolute, compared with the training mean."""
    hold: HoldRules | None = None
    """None: an anomaly holds all levels while it is open."""
    settling: int = 30
    """First readings of every run that are not learnt from: averages have not settled."""
    wander_gate: float = 1.5
    """A channel whose slow movement in training exceeds its noise by this factor has no level of
    its own: its baseline goes on following during an anomaly."""
    shrinkage: float = 0.5
    """Share of the identity in the correlation matrix; a short run knows its variances well and
    its correlations badly."""
    explained: float = 0.9
    """Share of the variance that the kept components hold."""
    hidden: tuple[int, ...] = (32, 8, 32)
    epochs: int = 60
    false_alarm_rate: float = 1e-3
    """Share of normal windows above the threshold."""
    tail: Literal["empirical", "chi2"] = "empirical"
    """How the threshold is found; see ``calibration``."""
    margin: float = 1.0
    """The calibrated threshold is multiplied by it: what a short calibration cannot have seen."""
    max_exceedance: float | None = None
    """Share of normal windows above the threshold that is not exceeded with a confidence of 90 %;
    the threshold follows from it instead of from the rate, the tail and the margin."""
    alarm: AlarmRules = field(default_factory=AlarmRules)
    seed: int = 0
    threads: int = 1
    """Of the linear algebra library; another number yields other last bits."""

    def __post_init__(self) -> None:
        if not self.lags or min(self.lags) < 0 or max(self.lags) >= self.length:
            raise ValueError("lags are within the window")
        if not 0 < self.false_alarm_rate < 1:
            raise ValueError("false_alarm_rate is between 0 and 1")
        if self.max_exceedance is not None and not 0 < self.max_exceedance < 1:
            raise ValueError("max_exceedance is between 0 and 1")
        if not 0 <= self.shrinkage <= 1 or not 0 < self.explained <= 1:
            raise ValueError("shrinkage and explained are shares")
        if self.margin < 1:
            raise ValueError("a margin below 1 breaks the stated false-alarm rate")
        if self.denoise_span < 1 or self.threads < 1 or self.epochs < 1:
            raise ValueError("denoise_span, threads and epochs are at least 1")
