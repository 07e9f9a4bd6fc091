"""The queue behind the sampler never makes it wait, and no number goes missing in it."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from lineal_edge.bounded_queue import BoundedQueue, Lost
from lineal_edge.reading import Reading


def reading(seq: int) -> Reading:
    return Reading(seq, seq, seq, ())


def numbers(items: list[Reading | Lost]) -> list[int]:
    found: list[int] = []
    for item in items:
        if isinstance(item, Lost):
            found += range(item.first_seq, item.last_seq + 1)
        else:
            found.append(item.seq)
    return found


@given(st.integers(1, 5), st.lists(st.one_of(st.just("offer"), st.integers(1, 4)), max_size=60))
def test_every_number_comes_out_once_and_in_order(capacity: int, steps: list[int | str]) -> None:
    queue = BoundedQueue(capacity)
    seq, out = 0, []
    for step in steps:
        if isinstance(step, str):
            seq += 1
            queue.offer(reading(seq))
        else:
            out += queue.take(step, 0)
        assert len(queue) <= capacity + 1
    while items := queue.take(10, 0):
        out += items
    assert numbers(out) == list(range(1, seq + 1))
    assert queue.lost == sum(
        item.last_seq - item.first_seq + 1 for item in out if isinstance(item, Lost)
    )


def test_a_full_queue_counts_what_it_cannot_take() -> None:
    queue = BoundedQueue(2)
    for seq in range(1, 6):
        queue.offer(reading(seq))
    assert queue.take(2, 0) == [reading(1), reading(2), Lost(3, 5, 5)]


def test_who_hurries_a_queue_has_taken_what_there_is() -> None:
    queue = BoundedQueue(10)
    queue.offer(reading(1))
    queue.flush()
    assert queue.take(100, 60) == [reading(1)]
    assert queue.take(100, 0) == []


def test_closing_wakes_who_waits_and_leaves_what_is_in_it() -> None:
    queue = BoundedQueue(10)
    queue.offer(reading(1))
    taken: list[Reading | Lost] = []
    taker = threading.Thread(target=lambda: taken.extend(queue.take(100, 60)))
    taker.start()
    queue.close()
    taker.join(10)
    assert taken == [reading(1)]
