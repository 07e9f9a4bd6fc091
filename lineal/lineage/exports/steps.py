"""What the exports say alike of a step: its id, its times, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID, uuid5

import orjson

from lineal.lineage.record import RecordedStep

_NAMESPACE = UUID("6b1d3c0e-6f0c-5d0b-9f53-0d6a5f0a7a11")
"""Of the ids of steps; never to be changed, so that an export again names the same."""

UNSUCCESSFUL = frozenset(("rejected", "failed"))
"""Outcomes of steps that made nothing."""


def run_ids(steps: Iterable[RecordedStep]) -> list[str]:
    """An id for each step, a UUID derived from all that its record says of it.

    The same step has the same id in every export. Of steps that do not differ in anything the
    second and later ones are numbered.
    """
    seen: Counter[bytes] = Counter()
    ids = []
    for step in steps:
        said = orjson.dumps(step.fields(), option=orjson.OPT_SORT_KEYS)
        ids.append(str(uuid5(_NAMESPACE, f"{said.decode()}\n{seen[said]}")))
        seen[said] += 1
    return ids


def time_text(microseconds: int) -> str:
    """A time in RFC 3339, in UTC.

    Args:
        microseconds: since the Unix epoch.
    """
    seconds, rest = divmod(microseconds, 1_000_000)
    whole = datetime.fromtimestamp(seconds, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{rest:06}Z"


def finished(step: RecordedStep) -> int:
    """When a step ended, in microseconds since the Unix epoch."""
    return step.started + step.worked
