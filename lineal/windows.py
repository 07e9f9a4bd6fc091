"""Windows by event time: what came in a minute, in the last hour, in one sitting.

A stage keeps the windows of each key in its state. A window closes when the watermark passes its
end: the highest event time of the key, or the time by the clock where nothing comes any more, less
the lateness that is waited for. What comes later still corrects its window, with a new revision,
for as long as that is kept; after that it is said to be too late.

Results depend on the events and on the stage's timer events alone, so a stage that is killed, and a
replay, which has both, come to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from lineal.stages.context import Context
from lineal_schemas.payload import Payload

V = TypeVar("V")
I_ = TypeVar("I_")

_NEVER = -(1 << 62)
_ZERO = timedelta(0)


class Tumbling(NamedTuple):
    """Windows of one size, one after the other, aligned with the Unix epoch."""

    size: timedelta

    def spans(self, time_us: int) -> list[tuple[int, int]]:
        """The begin and end of the windows that a time is in, the end exclusive, in microseconds
        since the Unix epoch."""
        size = _us(self.size)
        begin = time_us - time_us % size
        return [(begin, begin + size)]


class Sliding(NamedTuple):
    """Windows of one size, of which one begins every so often: each event is in several."""

    size: timedelta
    every: timedelta

    def spans(self, time_us: int) -> list[tuple[int, int]]:
        """See :meth:`Tumbling.spans`."""
        size, every = _us(self.size), _us(self.every)
        last = time_us - time_us % every
        return [(begin, begin + size) for begin in range(last, time_us - size, -every)][::-1]


class Session(NamedTuple):
    """A window goes on for as long as events come within a gap, and ends that long after the
    last."""

    gap: timedelta

    def spans(self, time_us: int) -> list[tuple[int, int]]:
        """See :meth:`Tumbling.spans`; of the event alone."""
        return [(time_us, time_us + _us(self.gap))]


class Window(NamedTuple, Generic[V]):
    """A window that has closed, or was corrected."""

    begin: int
    """Microseconds since the Unix epoch."""
    end: int
    """Exclusive."""
    value: V
    revision: int
    """1 when it closes; each correction has the next."""
    replaces: tuple[tuple[int, int], ...] = ()
    """Begin and end of sessions that were results of their own and are parts of this one now."""


class Added(NamedTuple, Generic[V]):
    """What an event came to."""

    windows: Sequence[Window[V]]
    """Those that it closed or corrected."""
    too_late: bool
    """Whether it is in none: the windows that it was for are no longer kept."""


@dataclass(frozen=True, slots=True)
class KeptWindow(Generic[V]):
    """A window in a stage's state."""

    begin: int
    end: int
    value: V
    revision: int = 0
    """Of its last result; 0: none."""
    changed: bool = True
    """Whether it is to be a result when it closes."""
    replaces: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class KeyWindows(Generic[V]):
    """The windows of a key, by their begin."""

    watermark: int = _NEVER
    newest: int = _NEVER
    """The watermark by events alone."""
    wakes_for: int = _NEVER
    """The watermark at which there is something to do when nothing comes any more, ..."""
    wakes_at: int = _NEVER
    """... and the time by the clock at which it has come so far."""
    windows: tuple[KeptWindow[V], ...] = ()


class Windows(Generic[I_, V]):
    """Puts events into windows.

    Args:
        shape: which windows there are.
        kind: the type of a window's value, as state keeps it: ``int``, a payload, ...
        start: makes the value of a window without events.
        add: the value with one more event.
        merge: one value of two; sessions need it, of which an event may join two.
        lateness: how long a window stays open for events that come late.
        kept: for how long after that a late event still corrects it.
        expires: when nothing has come of a key for so long, its state goes. An event that comes
            later still begins anew.
        due: makes the event that closes the windows of a key when nothing comes any more, of a type
            that the stage consumes; its handler calls :meth:`advance`. None: they wait for the next
            event of the key.
    """

    def __init__(
        self,
        shape: Tumbling | Sliding | Session,
        kind: type[V],
        *,
        start: Callable[[], V],
        add: Callable[[V, I_], V],
        merge: Callable[[V, V], V] | None = None,
        lateness: timedelta = _ZERO,
        kept: timedelta = _ZERO,
        expires: timedelta = timedelta(days=1),
        due: Callable[[str], Payload] | None = None,
    ) -> None:
        if isinstance(shape, Session) and merge is None:
            raise TypeError("sessions need merge=: an event may join two of them")
        self._shape = shape
        self._state_type: Any = KeyWindows[kind]  # type: ignore[valid-type]
        self._start, self._add, self._merge = start, add, merge
        self._lateness, self._kept, self._expires = _us(lateness), _us(kept), _us(expires)
        self._due = due

    async def add(self, ctx: Context[Any], key: str, item: I_, time_us: int) -> Added[V]:
        """Put an event into the windows of a key.

        Args:
            time_us: its time, microseconds since the Unix epoch: that at which it happened.
        """
        after, added = self.added(await self._get(ctx, key), item, time_us)
        await self._put(ctx, key, after, after.newest)
        return added

    async def advance(self, ctx: Context[Any], key: str) -> Sequence[Window[V]]:
        """Close the windows of a key whose time is over by the clock. To be called for the event
        that ``due`` makes."""
        state = await self._get(ctx, key)
        if ctx.event.time < state.wakes_at or state.wakes_for == _NEVER:
            return ()  # something has come meanwhile
        after, closed = self.advanced(state, state.wakes_for)
        if not after.windows and after.watermark >= self._expiry(after):
            await ctx.state.delete(_name(key))
        else:
            await self._put(ctx, key, after, after.watermark)
        return closed

    def added(self, state: KeyWindows[V], item: I_, time_us: int) -> tuple[KeyWindows[V], Added[V]]:
        """The windows of a key with one more event."""
        windows = list(state.windows)
        count = 0
        for begin, end in self._shape.spans(time_us):
            taken = self._take(windows, begin, end)
            if not taken and end <= state.watermark - self._kept:
                continue
            windows.append(self._with(taken, begin, end, item))
            count += 1
        windows.sort(key=lambda window: (window.begin, window.end))
        newest = max(state.newest, time_us - self._lateness)
        state = replace(state, windows=tuple(windows), newest=newest)
        after, closed = self.advanced(state, newest)
        return after, Added(closed, too_late=not count)

    def advanced(
        self, state: KeyWindows[V], watermark: int
    ) -> tuple[KeyWindows[V], Sequence[Window[V]]]:
        """The windows of a key when its watermark has come so far."""
        watermark = max(state.watermark, watermark)
        kept: list[KeptWindow[V]] = []
        results: list[Window[V]] = []
        for window in state.windows:
            if window.end <= watermark and window.changed:
                revision = window.revision + 1
                results.append(
                    Window(window.begin, window.end, window.value, revision, window.replaces)
                )
                window = replace(window, revision=revision, changed=False, replaces=())
            if window.end > watermark - self._kept:
                kept.append(window)
        return replace(state, watermark=watermark, windows=tuple(kept)), results

    def _take(self, windows: list[KeptWindow[V]], begin: int, end: int) -> list[KeptWindow[V]]:
        """Take the window of a span out of the list; of sessions all that overlap."""
        if isinstance(self._shape, Session):
            taken = [window for window in windows if window.begin < end and begin < window.end]
        else:
            taken = [window for window in windows if (window.begin, window.end) == (begin, end)]
        for window in taken:
            windows.remove(window)
        return taken

    def _with(
        self, taken: Sequence[KeptWindow[V]], begin: int, end: int, item: I_
    ) -> KeptWindow[V]:
        """One window of those that an event joins, with the event."""
        value = taken[0].value if taken else self._start()
        for window in taken[1:]:
            assert self._merge is not None
            value = self._merge(value, window.value)
        span = min([begin, *(w.begin for w in taken)]), max([end, *(w.end for w in taken)])
        results = [(w.begin, w.end) for w in taken if w.revision and not w.changed]
        replaced = {former for w in taken for former in w.replaces}.union(results) - {span}
        return KeptWindow(
            begin=span[0],
            end=span[1],
            value=self._add(value, item),
            revision=max((window.revision for window in taken), default=0),
            replaces=tuple(sorted(replaced)),
        )

    def _expiry(self, state: KeyWindows[V]) -> int:
        return state.newest + self._kept + self._expires

    async def _get(self, ctx: Context[Any], key: str) -> KeyWindows[V]:
        state: KeyWindows[V] | None = await ctx.state.get(_name(key), self._state_type)
        return KeyWindows() if state is None else state

    async def _put(self, ctx: Context[Any], key: str, state: KeyWindows[V], reached: int) -> None:
        """Keep the windows, and wake when the next of them closes or is no longer kept.

        Args:
            reached: the watermark that the clock's present time is taken for.
        """
        if self._due is not None:
            ends = [window.end + (0 if window.changed else self._kept) for window in state.windows]
            wakes_for = min(ends, default=self._expiry(state))
            left = max(0, wakes_for - reached)
            # By the event's own time, which is the same in a replay; but events of long ago, which
            # come all at once, are not over because it is later now.
            wakes_at = ctx.event.time + left
            ctx.timers.set(_name(key), max(wakes_at, ctx.now() + left), self._due(key))
            state = replace(state, wakes_for=wakes_for, wakes_at=wakes_at)
        await ctx.state.put(_name(key), state)


def _name(key: str) -> str:
    return f"windows {key}"


def _us(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)
