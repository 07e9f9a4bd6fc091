"""Lineage records of ingested messages: a step for each message, none for each reading."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lineal.lineage.actor import this_worker
from lineal.lineage.record import (
    Artifact,
    Build,
    Kind,
    Outcome,
    Record,
    StepEntry,
    digest,
    record_of,
)
from lineal.observability.tracing import trace_id
from lineal_schemas.envelope import RawEvent, now_us

GROUP = "bridge"
"""The bridge's name: of its group on the bus, of its dead letters, in lineage records."""


class Recorder:
    """Makes records for one bridge."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._worker = this_worker()
        self._actor = f"bridge:{GROUP}"
        self.begin()

    def begin(self) -> None:
        """Begin with the next message."""
        self._started = now_us()
        self._clock = time.perf_counter_ns()

    def record(
        self,
        subject: str,
        *,
        kind: Kind = "step",
        inputs: Sequence[bytes] = (),
        outputs: Sequence[RawEvent] = (),
        output_digest: str | None = None,
        attributes: dict[str, int | str] | None = None,
        outcome: Outcome = "done",
        error: str | None = None,
        reason: str | None = None,
    ) -> Record:
        """A record of what was made from one message.

        Args:
            inputs: messages that did not go onto the bus as they came.
            output_digest: of the only output, where it is known.
        """
        trace = outputs[0].traceparent if outputs else None
        role = "event" if outcome == "done" else "dead-letter"
        read = [
            Artifact(digest(data), "application/octet-stream", len(data), "message")
            for data in inputs
        ]
        made = [
            Artifact(
                output_digest or digest(event.data), event.datacontenttype, len(event.data), role
            )
            for event in outputs
        ]
        entry = StepEntry(
            subject,
            self._started,
            (time.perf_counter_ns() - self._clock) // 1000,
            kind=kind,
            outcome=outcome,
            inputs=tuple(read),
            outputs=tuple(made),
            events_out=tuple([event.id for event in outputs]),
            error=error,
            reason=reason,
            attributes=attributes or {},
            trace=trace_id(trace),
        )
        return record_of(entry, build=self._build, actor=self._actor, worker=self._worker)
