"""Anomalies: opened when a device's windows leave the normal, closed when they are back.

One anomaly lasts over many windows; a window alone is never an event.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lineal_schemas.models import ModelRef
from lineal_schemas.telemetry import BootId, Micros, Seq, TelemetryEvent


class Contribution(BaseModel):
    """How much one feature has to do with a score."""

    model_config = ConfigDict(frozen=True)

    feature: str
    share: Annotated[float, Field(ge=0, le=1)]
    """Of the whole score; the shares of all features sum to 1."""


class AnomalyEvent(TelemetryEvent):
    """What all events of one anomaly have in common.

    Derive ``anomaly_id`` with :func:`lineal_schemas.ids.anomaly_id` from the first window, so that
    device and bus name the same anomaly alike.
    """

    anomaly_id: str
    detector: Literal["device", "bus"]
    model: ModelRef
    threshold: float
    boot_id: BootId
    first_seq: Seq
    """First reading of the window that opened it."""
    last_seq: Seq
    """Last reading of the newest window looked at."""
    wall_us: Micros
    """Wall clock of the device at ``last_seq``."""
    windows: Annotated[int, Field(ge=1)] = 1
    """Windows looked at since it was opened."""


class AnomalyOpened(AnomalyEvent, type="anomaly.opened", version=1):
    """Windows have begun to score above the threshold."""

    score: float
    """Of the window that opened it."""
    contributions: tuple[Contribution, ...]
    """Largest first."""


class AnomalyUpdated(AnomalyEvent, type="anomaly.updated", version=1):
    """An open anomaly goes on, and has grown or changed its features."""

    score: float
    peak_score: float
    contributions: tuple[Contribution, ...]


class AnomalyClosed(AnomalyEvent, type="anomaly.closed", version=1):
    """An anomaly is over."""

    peak_score: float
    reason: Literal["normal", "gap", "restart", "model_changed"]
    """``normal``: windows score below the threshold again, or a person has said that what it is
    about is normal now (``anomaly.answered``). Otherwise the windows that would decide are missing,
    or another model scores from here on."""


FaultName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9 _.-]{0,63}$")]
"""A kind of fault in the words of those who know the machine, such as ``bearing``."""


class MachineMarked(TelemetryEvent, type="machine.marked", version=1):
    """A person has said that a device was normal for a time, or which fault it had."""

    mark: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
    """Its id: marked again under the same one, the time or the fault is replaced."""
    fault: FaultName | None = None
    """None: it was normal."""
    from_us: Micros
    to_us: Micros
    """Exclusive; both by the device's clock, microseconds since the Unix epoch."""
    withdrawn: bool = False
    """It was a mistake: nothing follows from it any more."""
    by: str
    marked_us: Micros

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> MachineMarked:
        if self.to_us <= self.from_us:
            raise ValueError("a marked time ends after it begins")
        return self


class FaultRecognised(TelemetryEvent, type="fault.recognised", version=1):
    """An anomaly looks like others that people have marked."""

    anomaly_id: str
    detector: Literal["device", "bus"] = "bus"
    """Who recognised it: a device by the examples in its model, the bus by all there are."""
    model: ModelRef
    """Which found the anomaly; only such of the same name are compared."""
    fault: FaultName | None
    """None: it looks like what was marked as normal."""
    likeness: Annotated[float, Field(ge=0, le=1)]
    """Of the shares of its features to those of the most similar example; 1: the same."""
    examples: Annotated[int, Field(ge=1)]
    """How many of this fault are known."""


class AnomalyAnswered(TelemetryEvent, type="anomaly.answered", version=1):
    """A person has said what a lasting anomaly is; from which reading on that counts.

    The device is sent it too, so that both score alike from there on.
    """

    anomaly_id: str
    fault: FaultName | None = None
    """Which fault it is; None: it is normal now, or a fault without a name."""
    is_normal: bool
    """The state is normal from now on: its levels are taken over and the anomaly is closed. Else it
    stays open, however long it lasts."""
    at_seq: Seq
    """First reading for which it counts. A device that is further already begins at once."""
    boot_id: BootId | None = None
    """The boot that ``at_seq`` is of; None: it is open on the device alone, and counts at once."""
    by: str


class AnomalyReviewDue(TelemetryEvent, type="anomaly.review_due", version=1):
    """The time after which a person is asked about an anomaly that is still open."""

    anomaly_id: str
    number: Annotated[int, Field(ge=1)] = 1
    """How often it has been asked, this time included."""
