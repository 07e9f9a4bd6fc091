"""Features of a window of a visitor's clicks.

A window keeps its earliest clicks, at most :data:`MAX_KEPT`, and the number of all: bounded, and
the same in whatever order the clicks came.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import log, log1p, sqrt
from statistics import fmean, median, pstdev
from zlib import crc32

from pydantic import BaseModel, ConfigDict

from lineal_schemas.clicks import ClickReceived

MAX_KEPT = 96
MISSING = -1.0
"""Of what a page does not say."""
FEATURES = (
    "clicks", "per_minute", "pause_median", "pause_least", "pause_variation", "pause_same",
    "pause_skew", "pause_echo", "targets", "target_largest", "target_echo", "place_spread",
    "place_centre", "place_same", "moves_mean", "moves_none", "moves_variation", "moves_pause",
)  # fmt: skip
"""In the order in which a model is given them."""
_SECOND_US = 1e6


class Clicks(BaseModel):
    """The clicks of a window, as state keeps them."""

    model_config = ConfigDict(frozen=True)

    count: int = 0
    kept: tuple[tuple[int, int, float, float, int], ...] = ()
    """Of the earliest: time, CRC-32 of the target, x, y, moves; -1 where a page does not say."""

    def with_click(self, click: ClickReceived) -> Clicks:
        """The same with one more."""
        one = (
            click.at_us,
            crc32(click.target.encode()),
            MISSING if click.x is None else round(click.x, 3),
            MISSING if click.y is None else round(click.y, 3),
            -1 if click.moves is None else click.moves,
        )
        return Clicks(count=self.count + 1, kept=tuple(sorted((*self.kept, one))[:MAX_KEPT]))

    def features(self) -> dict[str, float]:
        """By name, each finite."""
        times = [one[0] for one in self.kept]
        pauses = [max(0.0, (b - a) / _SECOND_US) for a, b in pairwise(times)]
        length = max(1.0, (times[-1] - times[0]) / _SECOND_US)
        found = {
            "clicks": log1p(self.count),
            "per_minute": log1p(60 * (len(times) - 1) / length),
            **_pauses(pauses),
            **_targets([one[1] for one in self.kept]),
            **_places([(one[2], one[3]) for one in self.kept if one[2] >= 0 and one[3] >= 0]),
            **_moves([one[4] for one in self.kept], pauses),
        }
        return {name: round(found[name], 5) for name in FEATURES}


def _pauses(pauses: list[float]) -> dict[str, float]:
    if not pauses:
        return dict.fromkeys([name for name in FEATURES if name.startswith("pause_")], MISSING)
    logs = [log(pause + 0.01) for pause in pauses]
    spread, middle = pstdev(logs), fmean(logs)
    rounded = Counter(round(pause, 1) for pause in pauses)
    return {
        "pause_median": log(median(pauses) + 0.01),
        "pause_least": log(min(pauses) + 0.01),
        "pause_variation": pstdev(pauses) / (fmean(pauses) + 1e-9),
        "pause_same": rounded.most_common(1)[0][1] / len(pauses),
        "pause_skew": fmean([(one - middle) ** 3 for one in logs]) / (spread**3 + 1e-6),
        "pause_echo": _echo([round(5 * one) for one in logs]),
    }


def _targets(targets: list[int]) -> dict[str, float]:
    counts = Counter(targets)
    return {
        "targets": len(counts) / len(targets),
        "target_largest": counts.most_common(1)[0][1] / len(targets),
        "target_echo": _echo(targets),
    }


def _places(places: list[tuple[float, float]]) -> dict[str, float]:
    if len(places) < 2:
        return {"place_spread": MISSING, "place_centre": MISSING, "place_same": MISSING}
    spread = pstdev([x for x, _ in places]) + pstdev([y for _, y in places])
    centre = fmean([sqrt((x - 0.5) ** 2 + (y - 0.5) ** 2) for x, y in places])
    same = Counter((round(x, 2), round(y, 2)) for x, y in places).most_common(1)[0][1]
    return {"place_spread": spread, "place_centre": centre, "place_same": same / len(places)}


def _moves(moves: list[int], pauses: list[float]) -> dict[str, float]:
    known = [one for one in moves if one >= 0]
    if len(known) < 2:
        return dict.fromkeys([name for name in FEATURES if name.startswith("moves_")], MISSING)
    logs = [log1p(one) for one in known]
    return {
        "moves_mean": fmean(logs),
        "moves_none": sum(one == 0 for one in known) / len(known),
        "moves_variation": pstdev(logs),
        "moves_pause": _correlation(logs[1:], [log(p + 0.01) for p in pauses])
        if len(logs) == len(pauses) + 1
        else MISSING,
    }


def _echo(values: list[int]) -> float:
    """The largest share of values that are what came a fixed number of clicks before, 2 to half of
    all: 1 for a sequence that is repeated."""
    best = 0.0
    for lag in range(2, len(values) // 2 + 1):
        pairs = len(values) - lag
        same = sum(a == b for a, b in zip(values, values[lag:], strict=False))
        best = max(best, same / pairs)
    return best


def _correlation(left: list[float], right: list[float]) -> float:
    """Pearson's; 0 where one of them is constant."""
    mean_left, mean_right = fmean(left), fmean(right)
    spread = pstdev(left) * pstdev(right)
    if spread < 1e-9:
        return 0.0
    together = [(a - mean_left) * (b - mean_right) for a, b in zip(left, right, strict=True)]
    return fmean(together) / spread


def vector(features: dict[str, float]) -> list[float]:
    """In the order of :data:`FEATURES`."""
    return [features.get(name, MISSING) for name in FEATURES]
