"""The effect of keeping a step's outputs in the memo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection
from lineal.store.memo import put_memos, warn_nondeterministic


@dataclass(frozen=True, slots=True)
class MemoEntry(Effect):
    """A step's identity and its outputs."""

    kind: ClassVar[str] = "memo"
    read_by_others: ClassVar[bool] = False

    step: bytes
    outputs: bytes
    """As :func:`lineal.store.memo.pack` makes them."""


def _apply(connection: Connection, entries: Sequence[MemoEntry]) -> None:
    kept = put_memos(connection, [(entry.step, entry.outputs) for entry in entries])
    warn_nondeterministic(kept)


register(_apply, MemoEntry)
