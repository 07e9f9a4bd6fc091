"""``Codec``: what stages need of a schema registry."""

from __future__ import annotations

from typing import Protocol

from lineal_schemas.foreign import Foreign
from lineal_schemas.payload import Payload


class Codec(Protocol):
    """See :class:`lineal.registry.codec.ForeignCodec`."""

    async def decode(
        self, payload_type: type[Payload], foreign: Foreign, message: bytes
    ) -> Payload: ...

    async def encode(self, foreign: Foreign, payload: Payload) -> bytes: ...
