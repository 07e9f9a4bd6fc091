"""Payloads of clicks: what visitors click, how their visits look, and which were made by robots."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from lineal_schemas.models import ModelRef
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import Micros

VisitorId = Annotated[str, Field(min_length=1, max_length=128)]
"""A pseudonym: what a cookie holds, or a salted hash."""
Fraction = Annotated[float, Field(ge=0, le=1)]


class VisitorEvent(Payload):
    """What all events of one visitor have in common."""

    model_config = ConfigDict(protected_namespaces=())

    visitor: VisitorId

    def partition_key(self) -> str:
        return self.visitor

    def correlation_key(self) -> str:
        return f"visitor:{self.visitor}"


class ClickReceived(VisitorEvent, type="click.received", version=1):
    """A visitor has clicked."""

    target: Annotated[str, Field(max_length=256)]
    """What was clicked: an advertisement, a link, a button."""
    at_us: Micros
    x: Fraction | None = None
    """Where on the target, from its left; None where a page does not say."""
    y: Fraction | None = None
    """... from its top."""
    moves: Annotated[int, Field(ge=0)] | None = None
    """Movements of the pointer since the click before; None where a page does not count them."""


class VisitDue(VisitorEvent, type="click.visit_due", version=1):
    """The stage's own timer: a visit's window may be over."""


class VisitEvent(VisitorEvent):
    """What all events of one window of a visitor have in common."""

    begin_us: Micros
    end_us: Micros
    """Exclusive."""


class VisitClosed(VisitEvent, type="click.visit_closed", version=1):
    """A window of a visitor is over, or was corrected by a click that came late."""

    revision: Annotated[int, Field(ge=1)]
    """Of this window: a later one takes the place of the one before."""
    clicks: Annotated[int, Field(ge=1)]
    features: dict[str, float]


class ClickInvalid(VisitEvent, type="click.invalid", version=1):
    """The clicks of a window were made by a robot; or, withdrawn, were not after all."""

    revision: Annotated[int, Field(ge=1)]
    clicks: Annotated[int, Field(ge=1)]
    score: Fraction
    threshold: Fraction
    model: ModelRef | None = None
    """None: by rules, while nothing was learnt."""
    reasons: tuple[str, ...] = ()
    """Which rules; or the features that are least like those of people."""
    withdrawn: bool = False
    """Whether it takes back what was said of this window before."""


class VerdictDue(VisitEvent, type="click.verdict_due", version=1):
    """The stage's own timer: a window can be corrected no longer."""


class VisitLabelled(VisitEvent, type="click.visit_labelled", version=1):
    """Somebody knows who made a visit: an advertiser, a payment that came, a person who looked."""

    features: dict[str, float]
    """As ``click.visit_closed`` had them."""
    robotic: bool
    by: str
    labelled_us: Micros
