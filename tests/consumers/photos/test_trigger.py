"""A defect is announced once, and not while everything is one."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.photos.config import PhotosConfig
from lineal_consumers.photos.trigger import LineState, after_confirmation, after_photo

SECOND = 1_000_000


def run(
    photos: Sequence[tuple[str | None, bool]], config: PhotosConfig, gap_us: int = SECOND
) -> tuple[list[int], list[tuple[int, str]], LineState]:
    """Which photos announce a defect, when the breaker acts, and the state at the end."""
    state = LineState()
    announced: list[int] = []
    breaker: list[tuple[int, str]] = []
    for number, (group, above) in enumerate(photos):
        outcome = after_photo(state, group, number * gap_us, above, config)
        state = outcome.state
        if outcome.announce:
            announced.append(number)
        if outcome.breaker is not None:
            breaker.append((number, outcome.breaker))
    return announced, breaker, state


def test_several_photos_of_one_piece_are_one_defect() -> None:
    photos = [("a", True), ("a", True), ("b", False), ("c", True), ("c", True), ("d", True)]
    assert run(photos, PhotosConfig())[0] == [0, 3, 5]


def test_a_piece_has_to_be_abnormal_on_several_photos_where_that_is_asked() -> None:
    photos = [("a", True), ("a", True), ("b", True), ("b", False), ("b", True), ("b", True)]
    assert run(photos, PhotosConfig(confirm_photos=2))[0] == [1, 5]


def test_photos_that_do_not_say_what_they_are_of_are_one_thing_within_the_quiet_time() -> None:
    photos: list[tuple[str | None, bool]] = [(None, True)] * 5
    assert run(photos, PhotosConfig(quiet_seconds=2))[0] == [0]
    assert run(photos, PhotosConfig(quiet_seconds=0.5))[0] == [0, 1, 2, 3, 4]


def test_when_everything_is_a_defect_nothing_is_announced_until_photos_are_normal() -> None:
    config = PhotosConfig(breaker_photos=10)
    dark = [(f"p{n}", True) for n in range(30)]
    light = [(f"q{n}", False) for n in range(5)]
    announced, breaker, _ = run([*dark, *light, ("r", True)], config)
    assert announced == [*range(9), 35]
    assert breaker == [(9, "suspended"), (31, "resumed")]


def test_a_person_who_confirms_a_defect_overrules_the_breaker() -> None:
    config = PhotosConfig(breaker_photos=10)
    *_, state = run([(f"p{n}", True) for n in range(12)], config)
    outcome = after_confirmation(state)
    assert outcome.breaker == "resumed"
    outcome = after_photo(outcome.state, "p99", 99 * SECOND, True, config)
    assert (outcome.announce, outcome.breaker) == (True, None)


photos = st.lists(st.tuples(st.sampled_from([None, "a", "b"]), st.booleans()), max_size=60)


@given(photos, st.integers(1, 3), st.integers(2, 12))
def test_it_never_announces_a_normal_photo_nor_while_suspended(
    photos: list[tuple[str | None, bool]], confirm: int, window: int
) -> None:
    config = PhotosConfig(confirm_photos=confirm, breaker_photos=window)
    announced, breaker, _ = run(photos, config)
    assert all(photos[number][1] for number in announced)
    assert [what for _, what in breaker] == ["suspended", "resumed"] * (len(breaker) // 2) + (
        ["suspended"] * (len(breaker) % 2)
    )
    open_from = None
    for number, _ in enumerate(photos):
        change = dict(breaker).get(number)
        open_from = {"suspended": number, "resumed": None}.get(change or "", open_from)
        if open_from is not None:
            assert number not in announced
