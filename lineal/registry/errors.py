"""What can go wrong with a schema registry."""

from __future__ import annotations

from lineal.errors import PermanentFailure, Unavailable


class RegistryUnavailable(Unavailable):
    """The registry is away: no event is to blame."""


class UnknownSchema(PermanentFailure):
    """The registry has no schema of this id or subject."""


class SchemaRejected(PermanentFailure):
    """The registry refuses a schema: it is invalid, or incompatible with earlier ones."""


class MalformedMessage(PermanentFailure):
    """Bytes that are not in the wire format, or do not fit their schema."""
