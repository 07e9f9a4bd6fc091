"""Finding out whether effects can be committed before their outputs are published.

SNS takes nothing back: were an output published and its effects refused then (another event has
changed a key of state meanwhile, say), the event would be handled again, and its other output, of
the same id, would be dropped as a duplicate. So effects that can be refused are applied and undone
first. What changes between that and the commit is not seen; it takes two workers with the same key
or event within these milliseconds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from lineal.bus.protocol import Addressed
from lineal.effects.effect import Effect
from lineal.errors import LinealError
from lineal.store.connection import Connection, Store


class _Undone(LinealError):
    """Has the store undo a transaction that succeeded."""


def needs_dry_run(outputs: Sequence[Addressed], effects: Sequence[Effect]) -> bool:
    """Whether effects can be refused because of what others wrote, when outputs are out."""
    return bool(outputs) and any(effect.read_by_others for effect in effects)


async def dry_run(store: Store, work: Callable[[Connection], None]) -> None:
    """Do work in a transaction, and undo it.

    Raises:
        StoreUnavailable: the store cannot be reached.
        Exception: whatever ``work`` raised.
    """

    def undone(connection: Connection) -> None:
        work(connection)
        raise _Undone

    with contextlib.suppress(_Undone):
        await store.write(undone)
