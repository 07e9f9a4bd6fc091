"""The interfaces between the agent and the parts that score readings and install models.

The parts run in threads of their own. Nothing they do can hold up the sampler: a scorer that is too
slow misses readings, which are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from lineal_edge.clock import Clock
from lineal_edge.reading import Reading
from lineal_edge.settings import ClientTls
from lineal_edge.sources.source import PositionedSource, Source
from lineal_schemas.anomalies import (
    AnomalyAnswered,
    AnomalyClosed,
    AnomalyOpened,
    AnomalyUpdated,
    FaultRecognised,
)
from lineal_schemas.deployments import JobNotice, JobReply
from lineal_schemas.models import ModelRef
from lineal_schemas.payload import Payload
from lineal_schemas.photos import PhotoCaptured

AnomalyPayload = AnomalyOpened | AnomalyUpdated | AnomalyClosed | FaultRecognised
ScoredPayload = AnomalyPayload | PhotoCaptured
"""What a scorer says of readings."""

EventSink = Callable[[Payload], None]
"""Keeps an event for the bus: it is on the disk and numbered when the call returns. Any thread."""


class Scorer(Protocol):
    """Scores readings one by one. Called from one thread, but for ``answered``, ``models`` and the
    counter."""

    def observe(self, reading: Reading) -> Sequence[ScoredPayload]:
        """Take the next reading and say what it opens, changes or closes, or what it shows."""

    def skipped(self, first_seq: int, last_seq: int) -> Sequence[ScoredPayload]:
        """Readings that will not come: the windows they were part of are void."""

    def answered(self, answer: AnomalyAnswered) -> None:
        """What a person says of an anomaly; from any thread."""

    def kept(self, reading: Reading) -> None:
        """What was said of a reading is on the disk."""

    def models(self) -> tuple[ModelRef, ...]:
        """What scores now."""

    @property
    def scored_windows(self) -> int:
        """Windows scored since the start."""


class Updater(Protocol):
    """Takes jobs. Does its work in a thread of its own and returns at once from every call."""

    def start(self) -> None:
        """Come back from whatever the last run was interrupted in; before the first reading."""

    def stop(self) -> None:
        """End within a few seconds."""

    def on_notice(self, notice: JobNotice) -> None:
        """The server's word on the device's next job; repeated after every reconnect."""

    def on_reply(self, reply: JobReply) -> None:
        """The server's answer to a report."""

    @property
    def root_version(self) -> int | None:
        """Of the root of trust that packages are checked by; None without one."""


class ScorerContext(NamedTuple):
    """What a scorer is made from."""

    device: str
    boot_id: str
    features: tuple[str, ...]
    """Names of a reading's values, in their order."""
    models: Path
    """The folder of model packages."""
    clock: Clock
    source: Source | PositionedSource | None = None
    """Where readings come from, for scorers that look at more than their values."""


class UpdaterContext(NamedTuple):
    """What an updater is made from."""

    device: str
    models: Path
    trusted_keys: dict[str, bytes]
    """Raw Ed25519 public keys (32 bytes) by key id: who may sign a package."""
    fleet: str | None
    """The fleet this device is of: packages for another are not used."""
    report: EventSink
    """Takes the :class:`lineal_schemas.deployments.DeploymentJobUpdated` reports."""
    scorer: Scorer
    clock: Clock
    tls: ClientTls | None
    """The device's certificate, for servers that ask for one before a download."""
    root: bytes | None = None
    """Root of trust (TUF) that takes the place of the trusted keys."""
