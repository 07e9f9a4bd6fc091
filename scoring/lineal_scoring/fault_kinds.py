"""Compares anomalies by which features show them, on the bus and on devices alike.

What a fault does to a machine shows in the shares that the features have in the score: a worn
bearing shakes other sensors than a clogged filter. Two anomalies are as alike as their shares, by
the Bhattacharyya coefficient: the sum over the features of the square root of the product, 1 for
equal shares and 0 where they have no feature in common. An anomaly is of the fault whose most
similar example is alike enough, and more so than that of any other (nearest neighbour with
rejection): few examples are enough, and what is like none has no name.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Shares = Mapping[str, float]
"""By feature, its part in the score of an anomaly; all together 1."""


class Example(NamedTuple):
    """An anomaly of which a person has said what it was."""

    fault: str | None
    """None: it was normal."""
    shares: Shares


class Recognised(NamedTuple):
    """What an anomaly looks like."""

    fault: str | None
    likeness: float
    examples: int
    """Of this fault."""


def likeness(first: Shares, second: Shares) -> float:
    """How alike two anomalies are, 0 to 1."""
    shared = sum(math.sqrt(share * second.get(name, 0.0)) for name, share in first.items())
    return min(1.0, shared)


def recognise(
    shares: Shares, examples: Sequence[Example], min_likeness: float, min_lead: float
) -> Recognised | None:
    """What an anomaly looks like; None where it is like no fault, or like two.

    Args:
        min_likeness: to the most similar example.
        min_lead: over the most similar example of any other fault.
    """
    best: dict[str | None, float] = {}
    for example in examples:
        alike = likeness(shares, example.shares)
        best[example.fault] = max(best.get(example.fault, 0.0), alike)
    if not best:
        return None
    fault = max(best, key=lambda name: (best[name], name or ""))
    others = max((alike for name, alike in best.items() if name != fault), default=0.0)
    if best[fault] < min_likeness or best[fault] - others < min_lead:
        return None
    return Recognised(fault, best[fault], Counter(one.fault for one in examples)[fault])


MIN_LIKENESS, MIN_LEAD = 0.85, 0.03
"""Of :func:`recognise`, unless settings say otherwise."""


@dataclass(frozen=True)
class FaultKinds:
    """What a model's file holds of the faults that people had marked when it was learnt."""

    examples: tuple[Example, ...] = ()
    min_likeness: float = MIN_LIKENESS
    min_lead: float = MIN_LEAD

    def recognise(self, shares: Shares) -> Recognised | None:
        """What an anomaly looks like; see :func:`recognise`."""
        return recognise(shares, self.examples, self.min_likeness, self.min_lead)

    def to_json(self) -> str:
        """Canonical: the same examples are the same text."""
        fields = {
            "examples": [[one.fault, dict(one.shares)] for one in self.examples],
            "min_likeness": self.min_likeness,
            "min_lead": self.min_lead,
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> FaultKinds:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        fields = json.loads(text)
        return cls(
            tuple(
                Example(
                    None if fault is None else str(fault),
                    {str(name): float(share) for name, share in shares.items()},
                )
                for fault, shares in fields["examples"]
            ),
            float(fields["min_likeness"]),
            float(fields["min_lead"]),
        )
