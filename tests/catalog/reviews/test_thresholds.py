"""From which confidence on a class is right often enough."""

from __future__ import annotations

from lineal_catalog.reviews.thresholds import NOBODY_BELIEVED, Measured, thresholds_for


def test_the_lowest_confidence_from_which_enough_are_right() -> None:
    measured = [Measured("invoice", 0.5 + number / 100, number >= 10) for number in range(50)]
    found = thresholds_for(measured, 0.95)["invoice"]
    # 40 right of 42: the two just below those that are all right are believed with them.
    assert found.threshold == 0.58
    assert (found.items, found.right) == (50, 40)


def test_equal_confidences_are_believed_together() -> None:
    measured = [Measured("x", 0.9, number < 15) for number in range(20)]
    assert thresholds_for(measured, 0.95)["x"].threshold == NOBODY_BELIEVED
    assert thresholds_for(measured, 0.7)["x"].threshold == 0.9


def test_too_few_items_say_nothing() -> None:
    assert thresholds_for([Measured("x", 0.9, True)] * 19, 0.95)["x"].threshold is None
