"""Settings of the review stage: ``[stages.review]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

OTHERS = "*"
"""Stands for all classes that are not named."""


class ReviewConfig(BaseModel):
    """What people are asked to look at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    doubts: bool = True
    """Pages that were read with doubt."""
    thresholds: dict[str, Annotated[float, Field(ge=0, le=1.01)]] = {OTHERS: 0.35}
    """By class, the confidence below which a person looks; ``*``: of all other classes. Those that
    `lineal review thresholds --set` has measured go before."""
    audit_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Of the confident documents, the share that people look at to measure how often they are
    right. Which ones follows from the document alone: the same request gives the same draw."""
    four_eyes_classes: tuple[str, ...] = ()
    """Classes of documents about which two people have to say the same."""
    four_eyes_targets: tuple[str, ...] = ()
    """The same by what is looked at: ``redaction``."""
    anomalies: bool = True
    """Anomalies of devices, when they are opened."""
    ask_after: dict[str, Annotated[float, Field(gt=0)]] = {OTHERS: 900}
    """By device names (``*`` and ``?`` allowed) the seconds after which a person is asked about an
    anomaly that is still open; the first that fits. Machine files have it in readings."""
    ask_again_hours: Annotated[float, Field(gt=0)] = 24
    """A fault that was called one, and is still there, is asked about again then."""
    seconds: Annotated[float, Field(gt=0)] = 120
    """Limit of bringing corrections into a reading."""
