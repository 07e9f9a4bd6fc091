"""Anomalies: opened when a device's windows leave the normal, closed when they are back.

One anomaly lasts over many windows; a window alone is never an event.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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
    """``normal``: windows score below the threshold again. Otherwise the windows that would decide
    are missing, or another model scores from here on."""
