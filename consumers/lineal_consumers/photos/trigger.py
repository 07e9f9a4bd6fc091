"""When a defect is announced: once for each thing, and not while everything is one."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from lineal_consumers.photos.config import PhotosConfig


class LineState(BaseModel):
    """What is remembered of a line."""

    model_config = ConfigDict(frozen=True)

    latest: str = ""
    """Of the last photos, whether they were above the threshold: a 0 or a 1 each."""
    thing: str | None = None
    """What the last photo above the threshold was of."""
    last_us: int = 0
    """When it was taken."""
    in_row: int = 0
    """Photos of it above the threshold, in a row."""
    announced: bool = False
    suspended: bool = False
    withheld: int = 0
    """Photos above the threshold since then."""
    confirmed: bool = False
    """A person has said that defects on this line are real: until photos are normal again the
    breaker does not act."""


class Outcome(NamedTuple):
    """What follows from a photo."""

    state: LineState
    announce: bool = False
    breaker: Literal["suspended", "resumed"] | None = None
    share: float = 0.0
    """Of the last photos, those above the threshold."""


def after_photo(
    state: LineState, group: str | None, captured_us: int, above: bool, config: PhotosConfig
) -> Outcome:
    """What follows from the next photo of a line."""
    latest = (state.latest + ("1" if above else "0"))[-config.breaker_photos :]
    share = latest.count("1") / len(latest)
    full = len(latest) == config.breaker_photos
    state = state.model_copy(update={"latest": latest})
    breaker: Literal["suspended", "resumed"] | None = None
    if state.confirmed and share < config.breaker_share:
        state = state.model_copy(update={"confirmed": False})
    if state.suspended and share < config.breaker_share:
        breaker = "resumed"
        state = state.model_copy(update={"suspended": False})
    elif not state.suspended and not state.confirmed and full and share >= config.breaker_share:
        breaker = "suspended"
        state = state.model_copy(update={"suspended": True, "withheld": 0})
    if not above:
        if group == state.thing or group is None:
            state = state.model_copy(update={"in_row": 0, "announced": False, "thing": None})
        return Outcome(state, False, breaker, share)
    same = state.in_row > 0 and (
        group == state.thing
        if group is not None
        else state.thing is None and captured_us - state.last_us <= config.quiet_seconds * 1e6
    )
    in_row = state.in_row + 1 if same else 1
    announced = same and state.announced
    announce = not announced and not state.suspended and in_row >= config.confirm_photos
    state = state.model_copy(
        update={
            "thing": group,
            "last_us": captured_us,
            "in_row": in_row,
            "announced": announced or announce,
            "withheld": state.withheld + (1 if state.suspended else 0),
        }
    )
    return Outcome(state, announce, breaker, share)


def after_confirmation(state: LineState) -> Outcome:
    """What follows from a person's word that a photo of the line shows a defect."""
    if not state.suspended:
        return Outcome(state)
    return Outcome(
        state.model_copy(update={"suspended": False, "confirmed": True}), False, "resumed"
    )
