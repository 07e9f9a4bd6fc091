"""What followed from steps: everything made from what they made, however far."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import orjson

from lineal.lineage.graph import EVENT_ROLES
from lineal.lineage.record import Artifact, RecordedStep

Readers = Callable[[Artifact], Iterable[RecordedStep]]
"""The steps that read an artifact."""


def steps_forwards(
    beginning: Sequence[RecordedStep], readers: Readers, limit: int
) -> list[RecordedStep]:
    """Some steps, and those that read what they made, and so on; by the time at which they ended.

    Equal bytes join two steps where they are an object. Where they are the data of an event, which
    many events may have, the one must have handled the very event that the other emitted.

    Args:
        limit: after so many steps no further ones are looked for.
    """
    found: dict[bytes, RecordedStep] = {}
    waiting: deque[RecordedStep] = deque()

    def add(steps: Iterable[RecordedStep]) -> None:
        for step in steps:
            key = orjson.dumps(step.fields(), option=orjson.OPT_SORT_KEYS)
            if key not in found and len(found) < limit:
                found[key] = step
                waiting.append(step)

    add(beginning)
    followed: set[tuple[str, str]] = set()
    while waiting and len(found) < limit:
        step = waiting.popleft()
        emitted = frozenset(step.events_out)
        for item in step.outputs:
            if item.role in EVENT_ROLES:
                add(one for one in readers(item) if emitted.intersection(one.events_in))
            elif (item.sha256, item.role) not in followed:
                followed.add((item.sha256, item.role))
                add(readers(item))
    return sorted(found.values(), key=lambda step: step.started + step.worked)
