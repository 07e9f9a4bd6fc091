"""Transforms readings before they are scored; part of the model, fixed at training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Hold:
    """Which levels an anomaly holds, and until when.

    Only channels that have departed when it opens are held. What moves away later and slowly, as
    surroundings do, is followed, so that the anomaly closes when the channels that opened it are
    back. And no level is held for ever: a state that lasts becomes the new normal.
    """

    departure: tuple[float, ...]
    """Per channel, the root mean square of the denoised departures in training."""
    span: int
    """Readings whose mean is compared with the level."""
    above: float = 6.0
    """A channel has departed when it is this many departures away from its level."""
    onset: int = 30
    """Readings after the opening within which channels can still join those that are held."""
    accept_after: int = 600
    """Readings after the opening from which on all levels are followed again."""


@dataclass(frozen=True)
class PointRules:
    """How a device that runs elsewhere than the training learns what is normal there: see
    :mod:`lineal_scoring.operating_point`."""

    centre: tuple[float, ...]
    """Per channel, the mean of the training."""
    spread: tuple[float, ...]
    """Per channel, its standard deviation there."""
    space: tuple[float, ...]
    """Channels × channels, row by row: what brings departures that are scaled to the model's
    threshold into the graph's own."""
    denoise_span: int
    shrinkage: float
    explained: float
    false_alarm_rate: float
    margin: float
    wander_gate: float
    settling: int = 30
    reach: float = 6.0
    """How many spreads away from the centre is still the training's point."""
    learn: int = 400
    """Readings that are learnt from; nothing is scored meanwhile."""


@dataclass(frozen=True)
class KnownPoints:
    """Operating points between which a machine goes to and fro, learnt in training: see
    :mod:`lineal_scoring.known_points`."""

    centres: tuple[tuple[float, ...], ...]
    """Per point, the level of each channel."""
    spread: tuple[float, ...]
    """Per channel, how far readings scatter about it."""
    switching: tuple[bool, ...]
    """Per channel, whether its level depends on the point."""
    transit: int
    """Readings that the way from one point to another takes at most."""
    reach: float = 5.0
    """Readings that are so many spreads away from their point are on the way, or departed."""


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
    hold: Hold | None = None
    """Which channels are held during an anomaly; None: all, for as long as it is open."""
    points: PointRules | None = None
    """How a device learns what is normal elsewhere; None: everywhere as in the training."""
    known: KnownPoints | None = None
    """Points that each have levels of their own; None: there is one."""


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
            if (points := self.baseline.points) is not None:
                lengths |= {len(points.centre), len(points.spread)}
                if len(points.space) != count**2 or points.learn <= points.settling:
                    raise ValueError("space is channels × channels, and learn more than settling")
            if (known := self.baseline.known) is not None:
                lengths |= {len(known.spread), len(known.switching), *map(len, known.centres)}
                if len(known.centres) < 2 or not min(known.spread) > 0 or known.transit < 1:
                    raise ValueError("points are several, with a spread and a way between them")
            if (hold := self.baseline.hold) is not None:
                lengths.add(len(hold.departure))
                if min(hold.span, hold.onset, hold.accept_after) < 1:
                    raise ValueError("span, onset and accept_after are at least one reading")
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
        fields = asdict(self)
        if self.baseline is not None:
            # as it was written before there were any: models and snapshots are known by this text
            for name in ("hold", "points", "known"):
                if fields["baseline"][name] is None:
                    del fields["baseline"][name]
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

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
                names = ("start", "hold", "points", "known")
                start, hold, points, known = (baseline.get(name) for name in names)
                baseline = Baseline(
                    span=int(baseline["span"]),
                    follow=_floats(baseline["follow"]),
                    start=None if start is None else _floats(start),
                    hold=None if hold is None else _hold(hold),
                    points=None if points is None else _points(points),
                    known=None if known is None else _known(known),
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


def _hold(fields: dict[str, Any]) -> Hold:
    return Hold(
        departure=_floats(fields["departure"]),
        span=int(fields["span"]),
        above=float(fields["above"]),
        onset=int(fields["onset"]),
        accept_after=int(fields["accept_after"]),
    )


def _points(fields: dict[str, Any]) -> PointRules:
    lists = ("centre", "spread", "space")
    return PointRules(**{**fields, **{name: _floats(fields[name]) for name in lists}})


def _known(fields: dict[str, Any]) -> KnownPoints:
    return KnownPoints(
        centres=tuple(map(_floats, fields["centres"])),
        spread=_floats(fields["spread"]),
        switching=tuple(map(bool, fields["switching"])),
        transit=int(fields["transit"]),
        reach=float(fields["reach"]),
    )


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(map(float, values))
