"""Ten thousand devices that lost one broker do not come back at once."""

from __future__ import annotations

import random

from lineal_edge.backoff import Backoff


def test_waits_grow_to_a_bound_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(1, 60, draw=random.Random(1))
    waits = [[backoff.next() for _ in range(12)]]
    assert all(wait <= min(60, 2**n) for n, wait in enumerate(waits[0]))
    assert max(waits[0]) > 10
    backoff.reset()
    assert backoff.next() <= 1


def test_ten_thousand_devices_spread_out() -> None:
    """In their tenth try each comes at some moment of two minutes: no second sees far more than
    its share."""
    seconds = [0] * 120
    for device in range(10_000):
        backoff = Backoff(1, 120, draw=random.Random(device))
        for _ in range(9):
            backoff.next()
        seconds[min(119, int(backoff.next()))] += 1
    assert max(seconds) < 2 * 10_000 / 120
    assert min(seconds) > 0
