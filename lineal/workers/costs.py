"""Which tasks are likely to be costly: by what others of their stage and kind have cost lately."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

MAX_LOAD = 4.0
"""Of a task that ran into a limit. 1 is costly."""
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
        costly_part: the part of the limit from which it is costly.
        cheap: whether it is taken for cheap until a task of its kind has shown otherwise. If not,
            a kind is taken for costly until one has shown that it is cheap.
    """

    kind: str = ""
    limit: float | None = None
    costly_part: float = 0.3
    cheap: bool = False

    def load(self, seconds: float) -> float:
        """How costly so many seconds of processor time are: from 1 they are costly."""
        return min(seconds / self.costly_seconds, MAX_LOAD)

    @property
    def costly_seconds(self) -> float:
        """Seconds of processor time from which it is costly."""
        return _UNLIMITED_SECONDS if self.limit is None else self.limit * self.costly_part


def cost_kind(form: str, size: int) -> str:
    """A kind of content of some form: the same for sizes that differ by less than four times."""
    return f"{form}/{size.bit_length() // 2}"


class Share(NamedTuple):
    """Tasks that are likely to cost alike."""

    stage: str = ""
    kind: str = ""


class CostHistory:
    """What tasks have cost lately (:meth:`Cost.load`): the peak, which decays.

    A peak counts at once, and is forgotten after some cheap tasks. Source: the "peak EWMA" by
    which Finagle tells slow servers.
    """

    def __init__(self) -> None:
        self._peaks: OrderedDict[Share, float] = OrderedDict()

    def is_costly(self, share: Share) -> bool:
        """Whether the next task may take a large part of its limit: one has done so lately, or
        none has been seen."""
        peak = self._peaks.get(share)
        return peak is None or peak >= 1.0

    def assume_cheap(self, share: Share) -> None:
        """Take it for cheap, unless something is known."""
        self._peaks.setdefault(share, 0.0)
        self._forget_oldest()

    def peak(self, share: Share) -> float:
        """The load that a task of it is likely to have; 1 if nothing is known."""
        return self._peaks.get(share, 1.0)

    def observe(self, share: Share, load: float) -> None:
        """A task has ended, and was so costly."""
        self._peaks[share] = max(load, self._peaks.get(share, 0.0) * _DECAY)
        self._peaks.move_to_end(share)
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        while len(self._peaks) > _MAX_KINDS:
            self._peaks.popitem(last=False)
