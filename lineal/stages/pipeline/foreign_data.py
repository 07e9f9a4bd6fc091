"""Data of others' formats: read before the function is called, written once its outputs are events.

What is remembered and what lineage names are the bytes on the bus.
"""

from __future__ import annotations

from collections.abc import Sequence

from lineal.errors import Unavailable
from lineal.registry.events import decode_foreign, encode_foreign, is_foreign
from lineal.registry.protocol import Codec
from lineal.stages.pipeline.invocation import Invocation
from lineal_schemas.envelope import RawEvent
from lineal_schemas.payload import foreign_of


class DecodeForeign:
    """Reads data in a schema registry's wire format."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    async def before(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            if not is_foreign(invocation.event):
                continue
            try:
                invocation.payload = await decode_foreign(self._codec, invocation.event)
            except Exception as error:
                invocation.error = error
                if isinstance(error, Unavailable):
                    # The rest would wait as long, each for itself.
                    for other in invocations:
                        other.error = other.error or error
                    return

    async def after(self, invocations: Sequence[Invocation]) -> None:
        """What the function made is events only later."""


class EncodeForeign:
    """Writes outputs of foreign types in a schema registry's wire format."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    async def before(self, invocations: Sequence[Invocation]) -> None:
        """Nothing is made yet."""

    async def after(self, invocations: Sequence[Invocation]) -> None:
        for invocation in invocations:
            if invocation.error is None and any(foreign_of(e.type) for e in invocation.events):
                try:
                    await self._encode(invocation)
                except Exception as error:
                    invocation.error = error

    async def _encode(self, invocation: Invocation) -> None:
        encoded: dict[str, RawEvent] = {}
        for event in invocation.events:
            if foreign_of(event.type) is not None:
                encoded[event.id] = await encode_foreign(self._codec, event)
        # Large data is not put away: others could not fetch it.
        invocation.events = [encoded.get(event.id, event) for event in invocation.events]
        invocation.published = [
            (topic, encoded.get(event.id, event)) for topic, event in invocation.published
        ]
