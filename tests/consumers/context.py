"""A stage's context in memory: what a stage reads and writes can be looked at afterwards."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lineal.effects.effect import Effect
from lineal.lineage.record import Kind
from lineal.stages import Stage
from lineal.stages.envelope import Envelope
from lineal.stages.state_values import decode_value, encode_value
from lineal.stages.trained_models import ModelInUse
from lineal_schemas.envelope import Event, decode, first_event, now_us
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload

R = TypeVar("R")


@dataclass
class MemoryObjects:
    """An object store in a dictionary; ``path`` writes the file that is asked for."""

    folder: Path
    stored: dict[str, bytes] = field(default_factory=dict)
    roles: list[tuple[str, str]] = field(default_factory=list)
    """``(act, role)`` of everything read and written, in order."""

    def add(self, data: bytes, media_type: str = "application/octet-stream") -> ObjectRef:
        """Store bytes that were there before the stage."""
        digest = hashlib.sha256(data).hexdigest()
        self.stored[digest] = data
        return ObjectRef(
            uri=f"memory:{digest}", sha256=digest, bytes=len(data), media_type=media_type
        )

    async def get(self, ref: ObjectRef, role: str = "content") -> bytes:
        self.roles.append(("get", role))
        return self.stored[ref.sha256]

    async def path(self, ref: ObjectRef, role: str = "content") -> Path:
        self.roles.append(("get", role))
        file = self.folder / ref.sha256
        file.write_bytes(self.stored[ref.sha256])
        return file

    async def put(self, data: bytes, media_type: str, role: str) -> ObjectRef:
        self.roles.append(("put", role))
        return self.add(data, media_type)

    def add_input(self, ref: ObjectRef, role: str) -> None:
        self.roles.append(("mention", role))


@dataclass
class MemoryState:
    """State in a dictionary; what an event puts stays."""

    kept: dict[str, bytes] = field(default_factory=dict)

    async def get(self, key: str, kind: type[R]) -> R | None:
        return decode_value(kind, self.kept[key]) if key in self.kept else None

    async def put(self, key: str, value: object) -> None:
        self.kept[key] = encode_value(value)

    async def delete(self, key: str) -> None:
        self.kept.pop(key, None)

    async def items(self, prefix: str, kind: type[R]) -> list[tuple[str, R]]:
        return [
            (key, decode_value(kind, value))
            for key, value in sorted(self.kept.items())
            if key.startswith(prefix)
        ]


@dataclass
class MemoryTimers:
    """Timers that are set, by name: when they are due and what they send."""

    alarms: dict[str, tuple[int, Payload]] = field(default_factory=dict)

    def set(self, name: str, due_us: int, payload: Payload) -> None:
        self.alarms[name] = (due_us, payload)

    def cancel(self, name: str) -> None:
        self.alarms.pop(name, None)


class MemoryContext:
    """Runs everything in this process, without limits."""

    def __init__(self, folder: Path, config: Any = None) -> None:
        self.config = config
        self.objects = MemoryObjects(folder)
        self.effects: list[Effect] = []
        self.claimed: set[str] = set()
        """Names that other events hold."""
        self.attributes: dict[str, int | str] = {}
        self.state = MemoryState()
        self.timers = MemoryTimers()
        self.record_kind: Kind | None = "step"
        self.skipped: str | None = None
        self.events: list[Envelope] = []
        self.models: dict[str, ModelInUse] = {}
        """Trained models in use, by name."""

    async def model(self, name: str) -> ModelInUse | None:
        return self.models.get(name)

    def add_effect(self, effect: Effect) -> None:
        self.effects.append(effect)

    async def claim(self, name: str) -> bool:
        return name not in self.claimed

    def annotate(self, **attributes: int | str) -> None:
        self.attributes.update(attributes)

    def skip(self, reason: str) -> None:
        self.skipped = reason

    @property
    def event(self) -> Envelope:
        [event] = self.events
        return event

    def now(self) -> int:
        return now_us()

    async def run(self, function: Callable[..., R], *args: Any, seconds: float | None = None) -> R:
        # Through pickle, as into a worker process.
        function, args = pickle.loads(pickle.dumps((function, args)))
        result: R = pickle.loads(pickle.dumps(function(*args)))
        return result


async def handled(stage: Stage, event: Any, ctx: MemoryContext) -> list[Any]:
    """What a stage makes of an event, or a gather stage of its parts."""
    events = event if isinstance(event, list | tuple) else [event]
    ctx.events = [
        Envelope(first_event(e.data, id=e.id, source=e.source, time=e.time), []) for e in events
    ]
    handler = stage.handler_for(events[0].data)
    assert handler is not None
    payloads = [e.data for e in events]
    made = await handler.call(payloads if stage.fan_in else payloads[0], ctx)
    if made is None:
        return []
    return [made] if isinstance(made, Payload) else list(made)


def event_of(payload: Payload, id: str = "event-1") -> Event[Any]:
    """An event as a stage gets it, having been through its wire form."""
    return decode(first_event(payload, id=id, source="test"))
