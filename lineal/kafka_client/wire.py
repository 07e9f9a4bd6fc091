"""Requests in the form that aiokafka's connections send.

Needed because aiokafka 0.14 stops at TxnOffsetCommit v0, which knows nothing of the group's
generation, and at an OffsetFetch without ``require_stable`` (both KIP-447).
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.protocol.types import (
    Array,
    Bytes,
    Int16,
    Int32,
    Schema,
    String,
    TaggedFields,
)

from lineal.kafka_client.errors import KafkaUnavailable

_text = String("utf-8")
_HEADER = Schema(
    ("api_key", Int16), ("api_version", Int16), ("correlation_id", Int32), ("client_id", _text)
)
_FLEXIBLE_HEADER = Schema(*zip(_HEADER.names, _HEADER.fields, strict=True), ("tags", TaggedFields))
"""Of flexible versions (KIP-482)."""
_RESPONSE_HEADER = Schema(("correlation_id", Int32))
_FLEXIBLE_RESPONSE_HEADER = Schema(("correlation_id", Int32), ("tags", TaggedFields))


class Api(NamedTuple):
    """One request of Kafka's protocol in one version."""

    name: str
    key: int
    version: int
    request: Any
    response: Any
    flexible: bool = False

    def __call__(self, *fields: Any) -> Call:
        return Call(self, fields)


class _Pieces:
    """Bytes that are joined once, by the last ``+``. aiokafka's connection joins a message by
    ``+``, with a copy each time, as its types do at every level of a request, which may hold
    megabytes."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def __add__(self, other: _Pieces) -> _Pieces:
        return _Pieces(*self._pieces, *other._pieces)

    def __radd__(self, size: bytes) -> bytes:
        return b"".join((size, *self._pieces))


def _append_encoded(kind: Any, value: Any, pieces: list[bytes]) -> None:
    """Append the encoded pieces of a value, as the types' own ``encode`` would join them."""
    if type(kind) is Schema:
        for field, item in zip(kind.fields, value, strict=True):
            _append_encoded(field, item, pieces)
    elif type(kind) is Array and value is not None:
        pieces.append(Int32.encode(len(value)))
        for item in value:
            _append_encoded(kind.array_of, item, pieces)
    elif kind is Bytes and value is not None:
        pieces += (Int32.encode(len(value)), value)
    else:
        pieces.append(kind.encode(value))


class _Encoded(NamedTuple):
    data: bytes
    correlation_id: int = 0

    def encode(self) -> _Pieces:
        return _Pieces(self.data)


class _ResponseType:
    """How aiokafka's connection decodes the response to a call."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema

    def decode(self, data: BytesIO) -> Any:
        return self._schema.decode(data)


class Call:
    """A request with its fields, as aiokafka's connections send it; the response is a tuple of its
    fields."""

    def __init__(self, api: Api, fields: tuple[Any, ...]) -> None:
        self._api = api
        self._fields = fields
        self.RESPONSE_TYPE = _ResponseType(api.response)

    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> Call:
        """Called by aiokafka with the versions that the broker has (ApiVersions)."""
        api = self._api
        first, last = versions.get(api.key, (0, -1))
        if not first <= api.version <= last:
            raise KafkaUnavailable(
                f"the broker does not speak {api.name} version {api.version}: "
                "Kafka 2.5 or newer is needed"
            )
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> _Encoded:
        api = self._api
        fields = (api.key, api.version, correlation_id, client_id)
        if api.flexible:
            return _Encoded(_FLEXIBLE_HEADER.encode((*fields, {})))
        return _Encoded(_HEADER.encode(fields))

    def encode(self) -> _Pieces:
        pieces: list[bytes] = []
        _append_encoded(self._api.request, self._fields, pieces)
        return _Pieces(*pieces)

    def parse_response_header(self, data: BytesIO) -> _Encoded:
        header = _FLEXIBLE_RESPONSE_HEADER if self._api.flexible else _RESPONSE_HEADER
        return _Encoded(b"", header.decode(data)[0])

    def __repr__(self) -> str:
        return self._api.name
