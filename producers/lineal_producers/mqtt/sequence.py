"""Whether a message is the next of its stream, pure of any transport.

A device numbers what it sends, and sends the oldest that is not acknowledged first. Between it and
the bridge a broker may lose messages it has confirmed (its queue was full, it was killed) or bring
them twice. So a message that is too far ahead is dropped, and the device asked to send again what
comes before it: it still has that, or says in a gap that it has not. To acknowledge beyond a hole
would have the device forget what is in it.

A device may be unable to close a hole (a message that is refused every time, an event its full disk
took). When it has come back to the very same message time and again, as the oldest it has, the hole
is believed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

CONFIRMATIONS = 10
"""How often a device has to begin behind a hole before the hole is believed."""


class Verdict(NamedTuple):
    """What to do with a message."""

    kind: Literal["next", "duplicate", "overlap", "early", "hole"]
    """``next``: take it. ``duplicate``: known; acknowledge again. ``overlap``: take it from
    ``expected`` on. ``early``: drop it, and ask the device to send again from ``expected`` on.
    ``hole``: account for ``expected`` up to its first number, then take it."""
    expected: int


class Sequence:
    """The position of one stream of one boot of a device. Takes no memory beyond four numbers,
    whatever a device sends."""

    __slots__ = ("_confirmations", "_confirmed", "_oldest_ahead", "acked_through")

    def __init__(self, acked_through: int = 0, *, confirmations: int = CONFIRMATIONS) -> None:
        self.acked_through = acked_through
        """Everything up to this number is taken or accounted for."""
        self._confirmations = confirmations
        self._oldest_ahead: int | None = None
        self._confirmed = 0

    def take(self, first: int, last: int) -> Verdict:
        """Check the numbers ``first`` to ``last`` (inclusive), and move on if they are taken."""
        expected = self.acked_through + 1
        if last < expected:
            return Verdict("duplicate", expected)
        if first > expected and not self._is_gone(first):
            return Verdict("early", expected)
        self.acked_through = last
        self._forget_confirmations()
        if first == expected:
            return Verdict("next", expected)
        return Verdict("overlap" if first < expected else "hole", expected)

    def _is_gone(self, first: int) -> bool:
        if self._oldest_ahead is None or first < self._oldest_ahead:
            self._oldest_ahead, self._confirmed = first, 1
        elif first == self._oldest_ahead:
            self._confirmed += 1
        return first == self._oldest_ahead and self._confirmed >= self._confirmations

    def _forget_confirmations(self) -> None:
        self._oldest_ahead, self._confirmed = None, 0
