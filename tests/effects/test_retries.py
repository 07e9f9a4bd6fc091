"""What the store knows of delayed retries and of open circuits, in every kind of store."""

from __future__ import annotations

from lineal.dependencies.open_circuits import (
    OpenCircuit,
    open_circuits,
    put_open_circuit,
    remove_open_circuit,
)
from lineal.effects.effect import apply
from lineal.effects.retries import (
    RetryDelayed,
    RetryEnded,
    retries_of,
    retry_owner,
    retry_timer,
    sweep_retries,
    waiting_retries,
)
from lineal.effects.timers import TimerDone, TimerSet
from lineal.store.connection import Store

EVENT = ("test:x", "e1")
TIMER = (retry_owner("s"), retry_timer(*EVENT), 100, b"{}")
SECOND_US = 1_000_000


async def test_an_event_that_waits_comes_back_and_ends(store: Store) -> None:
    async def state() -> object:
        unknown, found = await store.read(lambda c: retries_of(c, "s", [("test:x", "e2"), EVENT]))
        assert unknown is None
        return found

    first = RetryDelayed("s", *EVENT, "t/0/1", True, 1, 1, 60, 100)
    for _ in range(2):
        await store.write(lambda c: apply(c, [TimerSet(*TIMER), first]))
    assert await state() == ("t/0/1", "t/0/1", 1, 1, 60, 100, None, True)
    assert await store.read(waiting_retries) == {"s": (1, 100, 100)}
    await store.write(lambda c: apply(c, [TimerDone(*TIMER)]))
    assert await state() == ("t/0/1", "t/0/1", 1, 1, 60, 100, None, False)
    assert await store.read(waiting_retries) == {}
    second = RetryDelayed("s", *EVENT, "r/0/1", False, 2, 2, 120, 200)
    await store.write(lambda c: apply(c, [second]))
    assert await state() == ("t/0/1", "r/0/1", 2, 2, 120, 200, None, False)
    await store.write(lambda c: apply(c, [RetryEnded("s", *EVENT, "r/0/2", "handled", 300)]))
    assert await state() == ("t/0/1", "r/0/2", 2, 2, 120, 200, "handled", False)
    assert await store.write(lambda c: sweep_retries(c, 300)) == 0
    assert await store.write(lambda c: sweep_retries(c, 301)) == 1
    assert await state() is None


async def test_open_circuits_are_shown_until_they_close_or_nobody_looks(store: Store) -> None:
    circuit = OpenCircuit("payments", "host:1", ("charge", "refund"), 5, SECOND_US, "OSError")
    again = circuit._replace(next_call=2 * SECOND_US)
    for item in (circuit, again):
        await store.write(lambda c, item=item: put_open_circuit(c, item))  # type: ignore[misc]
    assert await store.read(lambda c: open_circuits(c, 0)) == [again]
    assert await store.read(lambda c: open_circuits(c, 3600 * SECOND_US)) == []
    await store.write(lambda c: remove_open_circuit(c, "payments", "host:1"))
    assert await store.read(lambda c: open_circuits(c, 0)) == []
