"""Previews a replay: runs a stage as it is now over past events, compares what it would put out
with what is there, and publishes nothing."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import orjson

from lineal.bus.claim_check import check_out
from lineal.bus.protocol import Addressed, Bus, Position, Selection, Subscription
from lineal.bus.topic_names import is_dead_letter_topic
from lineal.committing import Commit
from lineal.effects.effect import Effect
from lineal.effects.objects import ObjectPut
from lineal.errors import ObjectMissing, UnknownTopic
from lineal.replay.comparison import Difference, as_json, differences
from lineal.replay.events import events_of
from lineal.replay.handling import Count, replay_events
from lineal.replay.plan import ReplayPlan
from lineal.runtime import Runtime
from lineal.stages.artifacts_in_use import ArtifactSource
from lineal.stages.services import Workers
from lineal.store.objects import reference
from lineal_schemas.envelope import RawEvent

MAX_EXAMPLES = 50
_MAX_COMPARED_BYTES = 64_000_000
_IGNORED = frozenset({"salt"})
"""Fields that are drawn at random."""


@dataclass(frozen=True, slots=True)
class OutputChange:
    """An event whose outputs would not be what they are."""

    event_id: str
    subject: str
    type: str
    differences: tuple[Difference, ...]
    problem: str | None = None
    """Why it would fail now."""


@dataclass(slots=True)
class ReplayPreview:
    """What a replay would do to the outputs of a stage."""

    stage: str
    version: str
    events: int = 0
    unchanged: int = 0
    changed: int = 0
    added: int = 0
    """Outputs where there was none."""
    removed: int = 0
    """Events that had outputs and would have none."""
    failed: int = 0
    """Events that would end as dead letters."""
    fields: Counter[str] = field(default_factory=Counter)
    """In how many outputs which field differs."""
    examples: list[OutputChange] = field(default_factory=list)
    """Those with the most differences first: which to look at."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "stage": self.stage,
            "version": self.version,
            "events": self.events,
            "unchanged": self.unchanged,
            "changed": self.changed,
            "added": self.added,
            "removed": self.removed,
            "failed": self.failed,
            "fields": dict(self.fields.most_common()),
            "examples": [
                {
                    "event": item.event_id,
                    "subject": item.subject,
                    "type": item.type,
                    "problem": item.problem,
                    "differences": [one._asdict() for one in item.differences],
                }
                for item in self.examples
            ],
        }


class _Recorder:
    """A committer that keeps outputs and objects to itself."""

    def __init__(self) -> None:
        self.outputs: dict[str, list[Addressed]] = defaultdict(list)
        """By the id of the event that caused them."""
        self.objects: dict[str, bytes] = {}

    def commit_of(self, subscription: Subscription) -> Commit:
        return subscription.commit

    async def publish(
        self, outputs: Sequence[Addressed], effects: Sequence[Effect] = ()
    ) -> list[Position]:
        for topic, event in outputs:
            self.outputs[event.causationid or ""].append((topic, event))
        for effect in effects:
            if isinstance(effect, ObjectPut):
                self.objects[sha256(effect.data).hexdigest()] = effect.data
        return []


async def preview_replay(
    runtime: Runtime,
    plan: ReplayPlan,
    workers: Workers,
    progress: Count = lambda outcomes: None,
    *,
    sample: int | None = None,
    artifacts: Sequence[ArtifactSource] | None = None,
) -> ReplayPreview:
    """Run a stage over the planned events without effect, and compare.

    Large objects that the stage makes are written to the object store, where nothing refers to
    them, and are swept later.

    Args:
        sample: at most so many events, chosen by their ids: the same each time.
        artifacts: what answers which artifacts are in use, in place of the installed sources.

    Raises:
        Exception: the events could not be read to their end.
    """
    selection = plan.selection
    if sample is not None and sample < plan.events:
        chosen = await _sample(runtime.bus, plan, sample)
        selection = replace(selection, event_ids=chosen)
    subjects: dict[str, str] = {}
    async for delivery in events_of(runtime.bus, plan.stage, selection):
        subjects[delivery.event.id] = delivery.event.correlationid
    recorder = _Recorder()
    await replay_events(
        runtime, plan.stage, selection, workers, progress, committer=recorder, artifacts=artifacts
    )
    types = [payload.type for payload in plan.stage.produces]
    present = await _present_outputs(runtime.bus, types, frozenset(subjects))
    preview = ReplayPreview(plan.stage.name, plan.stage.version, events=len(subjects))
    reading = _Reading(runtime, recorder.objects)
    for event_id, subject in subjects.items():
        made = recorder.outputs.get(event_id, [])
        await _compare_event(
            preview, reading, event_id, subject, present.get(event_id, []), made, set(types)
        )
    preview.examples.sort(key=lambda item: (item.problem is None, -len(item.differences)))
    del preview.examples[MAX_EXAMPLES:]
    return preview


async def _sample(bus: Bus, plan: ReplayPlan, size: int) -> frozenset[str]:
    """The events whose ids have the smallest digests."""
    smallest: list[tuple[int, str]] = []
    async for delivery in events_of(bus, plan.stage, plan.selection):
        rank = -int.from_bytes(sha256(delivery.event.id.encode()).digest()[:8], "big")
        if len(smallest) < size:
            heapq.heappush(smallest, (rank, delivery.event.id))
        else:
            heapq.heappushpop(smallest, (rank, delivery.event.id))
    return frozenset(event_id for _, event_id in smallest)


async def _present_outputs(
    bus: Bus, types: Sequence[str], causes: frozenset[str]
) -> dict[str, list[RawEvent]]:
    """The outputs that some events caused, but those that others superseded."""
    found: dict[str, list[RawEvent]] = defaultdict(list)
    superseded: set[str] = set()
    for topic in types:
        try:
            async for delivery in bus.read(topic, Selection()):
                event = delivery.event
                if event.causationid in causes:
                    found[event.causationid].append(event)
                    if event.supersedes:
                        superseded.add(event.supersedes)
                await asyncio.sleep(0)
        except UnknownTopic:
            continue
    return {
        cause: [event for event in events if event.id not in superseded]
        for cause, events in found.items()
    }


async def _compare_event(
    preview: ReplayPreview,
    reading: _Reading,
    event_id: str,
    subject: str,
    present: list[RawEvent],
    made: list[Addressed],
    types: set[str],
) -> None:
    dead = [event for topic, event in made if is_dead_letter_topic(topic)]
    if dead:
        preview.failed += 1
        letter = orjson.loads(dead[0].data)
        problem = f"{letter.get('error_class')}: {letter.get('message')}"
        preview.examples.append(OutputChange(event_id, subject, dead[0].type, (), problem))
        return
    new = [event for topic, event in made if event.type in types]
    if not new:
        if present:
            preview.removed += 1
            preview.examples.append(
                OutputChange(event_id, subject, present[0].type, (), "no output any more")
            )
        else:
            preview.unchanged += 1
        return
    before: dict[str, list[RawEvent]] = defaultdict(list)
    for event in present:
        before[event.type].append(event)
    found: list[Difference] = []
    added = False
    for event in new:
        olds = before[event.type]
        if not olds:
            added = True
            continue
        found += await reading.differences(olds.pop(0), event)
    if added and not found:
        preview.added += 1
        preview.examples.append(OutputChange(event_id, subject, new[0].type, ()))
    elif found:
        preview.changed += 1
        preview.fields.update({item.field for item in found})
        preview.examples.append(OutputChange(event_id, subject, new[0].type, tuple(found)))
    else:
        preview.unchanged += 1


class _Reading:
    """Reads outputs with the objects that they refer to."""

    def __init__(self, runtime: Runtime, objects: dict[str, bytes]) -> None:
        self._runtime = runtime
        self._objects = objects

    async def differences(self, old: RawEvent, new: RawEvent) -> list[Difference]:
        if old.data == new.data:
            return []
        return differences(await self._loaded(old), await self._loaded(new))

    async def _loaded(self, event: RawEvent) -> object:
        try:
            event = await check_out(event, self._runtime.objects)
            return await self._resolved(orjson.loads(event.data))
        except (ObjectMissing, ValueError):
            return {"bytes": len(event.data)}

    async def _resolved(self, value: object) -> object:
        """The value with the content of objects in place of what refers to them."""
        if isinstance(value, list):
            return [await self._resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        if {"sha256", "bytes", "media_type"} <= value.keys():
            return await self._content(value)
        return {
            name: await self._resolved(item) for name, item in value.items() if name not in _IGNORED
        }

    async def _content(self, ref: dict[str, Any]) -> object:
        digest, size = str(ref["sha256"]), int(ref["bytes"])
        if size > _MAX_COMPARED_BYTES:
            return {"sha256": digest}
        data = self._objects.get(digest)
        if data is None:
            data = await self._runtime.objects.get(reference(digest, size, str(ref["media_type"])))
        return await asyncio.to_thread(as_json, data)
