"""Decodes records of version 1, which hold one step each."""

from __future__ import annotations

from typing import Any

from lineal.lineage.record import Artifact, Build, Record, StepEntry, UsedArtifact


def parse_version_1(fields: dict[str, Any]) -> Record:
    """The record of parsed canonical bytes of version 1.

    One of a replay had a list of what was emitted again; each of these is a step.
    """
    repeats = fields.get("repeats", ())
    entry = StepEntry(
        subject=fields["root"],
        started=fields["started"],
        worked=fields["duration"],
        kind=fields["kind"],
        outcome=fields["outcome"],
        events_in=tuple(fields["events"]["in"]),
        events_out=tuple(fields["events"]["out"]),
        inputs=_artifacts(fields["inputs"]),
        outputs=_artifacts(fields["outputs"]),
        attempt=fields["attempt"],
        error=fields.get("error"),
        reason=fields.get("reason"),
        attributes=fields.get("facts", {}),
        step=fields.get("step"),
        trace=fields.get("trace"),
    )
    steps = [
        entry._replace(
            subject=item["root"],
            step=item["step"],
            events_in=(item["in"],),
            events_out=tuple(item["out"]),
        )
        for item in repeats
    ]
    finished = entry.started + entry.worked
    return Record(
        _build(fields),
        fields["actor"],
        fields["worker"],
        entry.started,
        finished,
        tuple(steps or [entry]),
    )


def _build(fields: dict[str, Any]) -> Build | None:
    if "stage" not in fields:
        return None
    return Build(
        fields["stage"],
        fields["version"],
        fields["code"],
        fields["config"],
        tuple([UsedArtifact(**named) for named in fields["models"]]),
    )


def _artifacts(items: list[dict[str, Any]]) -> tuple[Artifact, ...]:
    return tuple(
        [
            Artifact(item["sha256"], item["media_type"], item["bytes"], item["role"])
            for item in items
        ]
    )
