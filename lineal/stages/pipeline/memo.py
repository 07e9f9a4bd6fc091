"""Work that was done before is not done again: its outputs are taken from the memo.

The key of a memo entry is a digest of the build and of what the function was given. That is the
event's data; where the function also read attributes of the envelope, the entry under the data's
key names which, and the outputs stand under a key over their values too. So two events of equal
data share an entry only where the function could not tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import orjson

from lineal.effects.memo import MemoEntry
from lineal.stages.envelope import attribute_of
from lineal.stages.pipeline.binding import Binding
from lineal.stages.pipeline.invocation import Invocation
from lineal.stages.pipeline.withdrawals import leave_out_outdated
from lineal.store.memo import EnvelopeNames, MemoOutput, pack, pack_names, recall


class Memoising:
    """Takes remembered outputs; remembers new ones."""

    def __init__(self, binding: Binding) -> None:
        self._services = binding.services
        self._store = binding.services.store
        self._emitter = binding.emitter

    async def before(self, invocations: Sequence[Invocation]) -> None:
        if caused := [item for item in invocations if item.caused and item.parts is None]:
            await leave_out_outdated(self._services, caused)
            invocations = [item for item in invocations if item.open]
        keys = []
        for invocation in invocations:
            invocation.memo_key = key = _key(invocation)
            keys.append(key)
        found = await self._look_up(keys)
        by_envelope: list[tuple[Invocation, bytes]] = []
        for key, invocation in zip(keys, invocations, strict=True):
            entry = found.get(key)
            if isinstance(entry, EnvelopeNames):
                by_envelope.append((invocation, envelope_key(key, entry.names, invocation)))
            elif entry is not None:
                self._take(invocation, entry)
        found = await self._look_up([key for _, key in by_envelope])
        for invocation, key in by_envelope:
            entry = found.get(key)
            if entry is not None and not isinstance(entry, EnvelopeNames):
                self._take(invocation, entry)

    async def after(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            key = invocation.memo_key
            if key is not None and invocation.error is None and invocation.outcome == "done":
                invocation.effects += _entries(key, invocation)

    async def _look_up(
        self, keys: Sequence[bytes]
    ) -> dict[bytes, list[MemoOutput] | EnvelopeNames]:
        if not keys:
            return {}
        return await self._store.read(lambda connection: recall(connection, keys))

    def _take(self, invocation: Invocation, remembered: Sequence[MemoOutput]) -> None:
        try:
            invocation.outputs = self._emitter.replay(remembered)
        except Exception:
            # An old output that its type cannot be upcast from any more: the work is done anew.
            return
        invocation.outcome = "memoised"


def _key(invocation: Invocation) -> bytes:
    if invocation.parts is None:
        return invocation.identity.step_id(invocation.digests[0])
    return invocation.identity.group_step_id(invocation.digests)


def envelope_key(key: bytes, names: Sequence[str], invocation: Invocation) -> bytes:
    """The key of outputs that depend on these attributes of the envelope too."""
    events = [event for event, _ in invocation.parts or ((invocation.event, None),)]
    values = [[name, *(attribute_of(event, name) for event in events)] for name in names]
    return sha256(key + orjson.dumps(values)).digest()


def _entries(key: bytes, invocation: Invocation) -> list[MemoEntry]:
    packed = pack(invocation.outputs)
    step = invocation.step
    if step is None or not step.envelope_read:
        return [MemoEntry(key, packed)]
    names = sorted({read.name for read in step.envelope_read})
    return [
        MemoEntry(key, pack_names(names)),
        MemoEntry(envelope_key(key, names, invocation), packed),
    ]
