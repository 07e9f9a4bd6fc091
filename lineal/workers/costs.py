"""Which tasks are likely to be costly: by what others of their stage and kind have cost lately."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

_COSTLY_PART = 0.3
_UNLIMITED_SECONDS = 2.0
"""Processor seconds that are costly where a task states no limit."""
_DECAY = 0.8
_MAX_KINDS = 2_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What is known of a task's cost before it runs.

    Attributes:
        kind: tasks of one stage and kind are likely to cost alike. Of what the content is, never
            of a name that somebody gave it.
        limit: seconds of processor time that it may take; None for no such limit.
        cheap: whether it is taken for cheap until a task of its kind has shown otherwise. If not,
            a kind is taken for costly until one has shown that it is cheap.
    """

    kind: str = ""
    limit: float | None = None
    cheap: bool = False

    def part_used(self, seconds: float) -> float:
        """How much so many seconds of processor time are, as a part of the limit."""
        if self.limit is None:
            return seconds / _UNLIMITED_SECONDS * _COSTLY_PART
        return seconds / self.limit


def cost_kind(form: str, size: int) -> str:
    """A kind of content of some form: the same for sizes that differ by less than four times."""
    return f"{form}/{size.bit_length() // 2}"


class Share(NamedTuple):
    """Tasks that are likely to cost alike."""

    stage: str = ""
    kind: str = ""


class CostHistory:
    """What tasks have cost lately, as a part of their limits: the peak, which decays.

    A peak counts at once, and is forgotten after some cheap tasks. Source: the "peak EWMA" by
    which Finagle tells slow servers.
    """

    def __init__(self) -> None:
        self._peaks: OrderedDict[Share, float] = OrderedDict()

    def is_costly(self, share: Share) -> bool:
        """Whether the next task may take a large part of its limit: one has done so lately, or
        none has been seen."""
        peak = self._peaks.get(share)
        return peak is None or peak >= _COSTLY_PART

    def assume_cheap(self, share: Share) -> None:
        """Take it for cheap, unless something is known."""
        self._peaks.setdefault(share, 0.0)
        self._forget_oldest()

    def observe(self, share: Share, part: float) -> None:
        """A task has used a part of its limit; 1 for one that ran into it."""
        self._peaks[share] = max(part, self._peaks.get(share, 0.0) * _DECAY)
        self._peaks.move_to_end(share)
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        while len(self._peaks) > _MAX_KINDS:
            self._peaks.popitem(last=False)
