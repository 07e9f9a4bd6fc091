"""Transforms readings before they are scored; part of the model, fixed at training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Baseline:
    """A level per channel that follows the readings slowly and is subtracted from them.

    It follows exponentially and is held while an anomaly is open, so that a slow change of the
    surroundings is not an anomaly and an anomaly does not become the normal.
    """

    span: int
    """Readings; the weight of a reading is 2 / (span + 1), as in an exponential moving average."""
    follow: tuple[float, ...]
    """Per channel, the share of that weight that stays during an anomaly: 0 holds the level (a
    channel that has one), 1 lets it go on (a channel that wanders, such as a temperature)."""
    start: tuple[float, ...] | None = None
    """Per channel, the level to begin with; None: each device's own, the mean of its first
    readings."""


@dataclass(frozen=True)
class Preparation:
    """The recipe from readings to the windows of a model.

    A window holds ``length`` consecutive readings and a new one begins every ``step`` readings.
    All arithmetic is done per step of readings, however they arrive, so a stream and a batch yield
    the very same numbers.
    """

    features: tuple[str, ...]
    """Columns of the readings, in order."""
    length: int
    step: int
    angles: tuple[str, ...] = ()
    """Features in radians that become a sine and a cosine: 359 degrees are next to 1 degree."""
    neutral: tuple[float, ...] = ()
    """Per channel, the value used for a reading that has long been missing where there is no
    baseline (the training mean); empty: zero."""
    baseline: Baseline | None = None
    patience: int = 20
    """For how many missing readings the last value is used."""

    def __post_init__(self) -> None:
        if not self.features or len(set(self.features)) != len(self.features):
            raise ValueError("features must be named, each once")
        if not set(self.angles) <= set(self.features):
            raise ValueError(f"angles that are no features: {set(self.angles) - {*self.features}}")
        if self.length < 1 or not 1 <= self.step <= self.length:
            raise ValueError("1 <= step <= length is required")
        if self.patience < 0:
            raise ValueError("patience is negative")
        count = len(self.channels)
        lengths = {len(self.neutral)} - {0}
        if self.baseline is not None:
            lengths.add(len(self.baseline.follow))
            lengths |= set() if self.baseline.start is None else {len(self.baseline.start)}
            if self.baseline.span < 1:
                raise ValueError("the baseline's span is less than one reading")
        if lengths - {count}:
            raise ValueError(f"one value for each of the {count} channels is required")

    @property
    def channels(self) -> tuple[str, ...]:
        """What a window's columns hold: the features, an angle as its sine and its cosine."""
        return tuple(
            channel
            for name in self.features
            for channel in ((f"sin({name})", f"cos({name})") if name in self.angles else (name,))
        )

    @property
    def channel_features(self) -> tuple[int, ...]:
        """Per channel, the index of the feature it comes from."""
        return tuple(
            index
            for index, name in enumerate(self.features)
            for _ in range(2 if name in self.angles else 1)
        )

    def to_channels(self, rows: Array) -> Array:
        """Replace angles by sine and cosine: readings × features to readings × channels."""
        if not self.angles:
            return rows
        channels = np.empty((len(rows), len(self.features) + len(self.angles)))
        at = 0
        for index, name in enumerate(self.features):
            column = rows[:, index]
            if name in self.angles:
                np.sin(column, out=channels[:, at])
                np.cos(column, out=channels[:, at + 1])
                at += 2
            else:
                channels[:, at] = column
                at += 1
        return channels

    def to_json(self) -> str:
        """Canonical: the same recipe is the same text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Preparation:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: it is not a recipe.
        """
        try:
            fields = json.loads(text)
            baseline = fields.pop("baseline")
            if baseline is not None:
                start = baseline["start"]
                baseline = Baseline(
                    span=int(baseline["span"]),
                    follow=_floats(baseline["follow"]),
                    start=None if start is None else _floats(start),
                )
            return cls(
                features=tuple(map(str, fields["features"])),
                length=int(fields["length"]),
                step=int(fields["step"]),
                angles=tuple(map(str, fields["angles"])),
                neutral=_floats(fields["neutral"]),
                baseline=baseline,
                patience=int(fields["patience"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a preparation: {error!r}") from error


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(map(float, values))
