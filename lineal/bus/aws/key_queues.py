"""The messages of each key in order: which may be handed out next, and which go together.

The first message of a key is handed out as soon as there is room. Those behind it are handed out
too, but only while there is as much room left for other keys, so that slow keys cannot take all of
it. A message that is removed takes those that follow it in its key along: they must not overtake
it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Key(Generic[T]):
    """The messages of one key, in order: all of ``out`` come before all of ``waiting``."""

    out: list[T] = field(default_factory=list)
    """Handed out, and neither finished nor removed."""
    waiting: deque[T] = field(default_factory=deque)


class KeyQueues(Generic[T]):
    """Messages in memory, by key. They are compared by identity.

    Args:
        key_of: the key of a message.
    """

    def __init__(self, key_of: Callable[[T], str]) -> None:
        self._key_of = key_of
        self._keys: dict[str, _Key[T]] = {}
        self._ready: dict[str, None] = {}
        """Keys with a message waiting and none out, in the order in which they became so."""
        self._behind: dict[str, None] = {}
        """Keys with messages waiting behind one that is out."""
        self._busy: set[str] = set()
        """Keys with a message out."""
        self._out = 0

    @property
    def ready(self) -> int:
        """Keys whose first message can be handed out."""
        return len(self._ready)

    def add(self, item: T) -> None:
        """Queue a message behind the others of its key."""
        name = self._key_of(item)
        key = self._keys.setdefault(name, _Key())
        key.waiting.append(item)
        (self._behind if key.out else self._ready)[name] = None

    def take(self, limit: int) -> list[T]:
        """The messages to be handed out now, at most ``limit``: first those of idle keys."""
        taken: list[T] = []
        while self._ready and len(taken) < limit:
            taken.append(self._take_from(next(iter(self._ready))))
        while self._behind and self._out - len(self._busy) < limit - len(taken):
            taken.append(self._take_from(next(iter(self._behind))))
        return taken

    def _take_from(self, name: str) -> T:
        key = self._keys[name]
        item = key.waiting.popleft()
        key.out.append(item)
        self._out += 1
        self._update(name, key)
        return item

    def finish(self, items: Iterable[T]) -> None:
        """Messages are handled. Those that are not out any more are left alone."""
        for item in items:
            name = self._key_of(item)
            key = self._keys.get(name)
            if key is not None and item in key.out:
                key.out.remove(item)
                self._out -= 1
                self._update(name, key)

    def remove(self, items: Iterable[T]) -> list[T]:
        """Remove messages and all that follow them in their keys; returns these, each key's in
        order."""
        by_key: dict[str, list[T]] = {}
        for item in items:
            by_key.setdefault(self._key_of(item), []).append(item)
        removed: list[T] = []
        for name, some in by_key.items():
            key = self._keys.get(name)
            if key is None:
                continue
            every = [*key.out, *key.waiting]
            first = min((every.index(item) for item in some if item in every), default=len(every))
            removed += every[first:]
            self._keep(name, key, every[:first])
        return removed

    def _keep(self, name: str, key: _Key[T], kept: Sequence[T]) -> None:
        out = len(key.out)
        key.out = list(kept[:out])
        key.waiting = deque(kept[out:])
        self._out -= out - len(key.out)
        self._update(name, key)

    def remove_behind(self) -> list[T]:
        """Remove all messages that wait behind one that is out."""
        removed: list[T] = []
        for name in list(self._behind):
            key = self._keys[name]
            removed += key.waiting
            self._keep(name, key, key.out)
        return removed

    def _update(self, name: str, key: _Key[T]) -> None:
        """Note what may be handed out of a key now."""
        idle, waiting = not key.out, bool(key.waiting)
        if idle:
            self._busy.discard(name)
        else:
            self._busy.add(name)
        _set(self._ready, name, idle and waiting)
        _set(self._behind, name, waiting and not idle)
        if idle and not waiting:
            del self._keys[name]


def _set(names: dict[str, None], name: str, present: bool) -> None:
    """Add or remove a name; an existing one keeps its place."""
    if present:
        names.setdefault(name)
    else:
        names.pop(name, None)
