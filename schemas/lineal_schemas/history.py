"""Checks committed schemas against the present models: versions, files, upcasters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from lineal_schemas.compatibility import incompatible_changes
from lineal_schemas.export import ENVELOPE, RESULTS, Name, Schema, file_name
from lineal_schemas.payload import missing_upcasts


@dataclass(frozen=True)
class Problem:
    """One reason for which the models may not be released as they are."""

    schema: str
    """The event type or document the problem is with."""
    kind: str
    """``incompatible`` (the model must change or its version rise) or ``stale`` (export again)."""
    message: str


def check(committed: Mapping[Name, bytes], current: Mapping[Name, Schema]) -> list[Problem]:
    """Hold the schemas of the present models against the committed files; none means all is well.

    A version that is raised needs all older versions' files to stay and an upcaster from each.
    A changed schema that is compatible, or new, must be exported and committed.
    """
    problems: list[Problem] = []
    versions = dict(current.keys())
    for type in sorted({type for type, _ in committed} - versions.keys()):
        problems.append(
            Problem(type, "incompatible", "the event type was removed; its events are still there")
        )
    for type, version in versions.items():
        problems.extend(_check_history(type, version, committed))
        problems.extend(_check_version(type, version, committed, current[type, version]))
    return problems


def _check_history(type: str, version: int, committed: Mapping[Name, bytes]) -> list[Problem]:
    newest = max((known for name, known in committed if name == type), default=0)
    if newest > version:
        return [
            Problem(
                type,
                "incompatible",
                f"the model has version {version} but version {newest} is committed already",
            )
        ]
    problems = [
        Problem(
            type,
            "incompatible",
            f"{file_name((type, older))} is missing: events of version {older} are still there",
        )
        for older in range(1, version)
        if (type, older) not in committed
    ]
    if (type, version) not in RESULTS and type != ENVELOPE[0]:
        problems.extend(
            Problem(
                type,
                "incompatible",
                f"no upcaster from version {older} to {older + 1}: register one with "
                f"@upcaster({type!r}, from_version={older})",
            )
            for older in missing_upcasts(type, version)
        )
    return problems


def _check_version(
    type: str, version: int, committed: Mapping[Name, bytes], new: Schema
) -> list[Problem]:
    file = file_name((type, version))
    content = committed.get((type, version))
    if content is None:
        return [Problem(type, "stale", f"{file} is not there yet")]
    try:
        old = json.loads(content)
    except ValueError as error:
        return [Problem(type, "incompatible", f"{file} is not JSON: {error}")]
    changes = incompatible_changes(old, new)
    if changes:
        remedy = (
            "make the change compatible"
            if (type, version) in RESULTS or type == ENVELOPE[0]
            else f"undo it, or raise the version to {version + 1} and add an upcaster"
        )
        return [Problem(type, "incompatible", f"{change}; {remedy}") for change in changes]
    if old != new:
        return [Problem(type, "stale", f"{file} is not what the models say")]
    return []
