"""Encodes and decodes payloads of Sparkplug B, which are protobuf messages.

The messages are built from the field numbers of the specification (Eclipse Sparkplug 3.0, chapter
6.4.1), of which only what metrics need is here; what else is in a payload is passed over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from lineal_schemas.errors import LinealError

_INT8, _INT16, _INT32, _INT64 = 1, 2, 3, 4
_UINT32, _UINT64, _FLOAT, _DOUBLE, _BOOLEAN, _STRING = 7, 8, 9, 10, 11, 12
_SIGNED = {_INT8: 8, _INT16: 16, _INT32: 32, _INT64: 64}


class Metric(NamedTuple):
    """One metric of a payload."""

    name: str | None
    """Births say it; other messages may have the alias alone."""
    alias: int | None
    value: float | None
    """NaN for null; None where it is no number."""
    timestamp_ms: int | None
    data_type: int = 0
    """0 where it is not said: births say it, other messages need not."""
    unsigned: int | None = None
    """A whole number as it stands in the message, where signed ones are two's complement."""

    def of_type(self, data_type: int) -> Metric:
        """The same of a type that a birth has said."""
        if self.data_type or self.unsigned is None:
            return self
        value = float(_signed(self.unsigned, data_type))
        return self._replace(value=value, data_type=data_type)


class Payload(NamedTuple):
    """A payload's metrics and its numbers."""

    seq: int | None
    """0 to 255, one more with each message of a node."""
    timestamp_ms: int | None
    metrics: tuple[Metric, ...]


class BadPayload(LinealError, ValueError):
    """Bytes that are no payload of Sparkplug B."""


@lru_cache(maxsize=1)
def _payload_class() -> type[Any]:
    """The message's class.

    Raises:
        ModuleNotFoundError: protobuf is not installed.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="lineal_edge/sparkplug_b.proto", package="lineal_edge.sparkplug", syntax="proto2"
    )

    def message(name: str, fields: dict[str, tuple[int, int, int, str]]) -> None:
        added = file.message_type.add(name=name)
        for called, (number, kind, label, type_name) in fields.items():
            added.field.add(
                name=called, number=number, type=kind, label=label, type_name=type_name or None
            )

    once, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED
    message(
        "Metric",
        {
            "name": (1, field.TYPE_STRING, once, ""),
            "alias": (2, field.TYPE_UINT64, once, ""),
            "timestamp": (3, field.TYPE_UINT64, once, ""),
            "datatype": (4, field.TYPE_UINT32, once, ""),
            "is_historical": (5, field.TYPE_BOOL, once, ""),
            "is_null": (7, field.TYPE_BOOL, once, ""),
            "int_value": (10, field.TYPE_UINT32, once, ""),
            "long_value": (11, field.TYPE_UINT64, once, ""),
            "float_value": (12, field.TYPE_FLOAT, once, ""),
            "double_value": (13, field.TYPE_DOUBLE, once, ""),
            "boolean_value": (14, field.TYPE_BOOL, once, ""),
            "string_value": (15, field.TYPE_STRING, once, ""),
        },
    )
    message(
        "Payload",
        {
            "timestamp": (1, field.TYPE_UINT64, once, ""),
            "metrics": (2, field.TYPE_MESSAGE, many, ".lineal_edge.sparkplug.Metric"),
            "seq": (3, field.TYPE_UINT64, once, ""),
        },
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName("lineal_edge.sparkplug.Payload")
    cls: type[Any] = message_factory.GetMessageClass(found)
    return cls


def decode(data: bytes) -> Payload:
    """The payload in a message.

    Raises:
        BadPayload: it is none.
    """
    from google.protobuf.message import DecodeError

    payload = _payload_class()()
    try:
        payload.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise BadPayload(str(error)) from error
    return Payload(
        payload.seq if payload.HasField("seq") else None,
        payload.timestamp if payload.HasField("timestamp") else None,
        tuple(_metric(one) for one in payload.metrics),
    )


def _metric(metric: Any) -> Metric:
    whole = next((name for name in ("int_value", "long_value") if metric.HasField(name)), None)
    unsigned = None if whole is None or metric.is_null else int(getattr(metric, whole))
    return Metric(
        metric.name if metric.HasField("name") else None,
        metric.alias if metric.HasField("alias") else None,
        _value(metric) if unsigned is None else float(_signed(unsigned, metric.datatype)),
        metric.timestamp if metric.HasField("timestamp") else None,
        metric.datatype,
        unsigned,
    )


def _value(metric: Any) -> float | None:
    if metric.is_null:
        return math.nan
    for name in ("double_value", "float_value", "boolean_value"):
        if metric.HasField(name):
            value = float(getattr(metric, name))
            return value if math.isfinite(value) else math.nan
    return None


def _signed(unsigned: int, data_type: int) -> int:
    bits = _SIGNED.get(data_type)
    if bits is None:
        return unsigned
    value = unsigned & (1 << bits) - 1
    return value - (value >> (bits - 1) << bits)


def encode(
    metrics: Iterable[tuple[str | None, int | None, Any, int | None]],
    *,
    seq: int | None = None,
    timestamp_ms: int | None = None,
    typed: bool = True,
) -> bytes:
    """A payload of metrics: (name, alias, value, timestamp in ms); a value is a bool, an int of
    up to 64 bits with its sign, a float or None. ``typed``: with the types, as in a birth."""
    payload = _payload_class()()
    if seq is not None:
        payload.seq = seq
    if timestamp_ms is not None:
        payload.timestamp = timestamp_ms
    for name, alias, value, at in metrics:
        metric = payload.metrics.add()
        if name is not None:
            metric.name = name
        if alias is not None:
            metric.alias = alias
        if at is not None:
            metric.timestamp = at
        if value is None:
            metric.is_null = True
        elif isinstance(value, bool):
            metric.datatype, metric.boolean_value = _BOOLEAN, value
        elif isinstance(value, int):
            metric.datatype, metric.long_value = _INT64, value & (1 << 64) - 1
        else:
            metric.datatype, metric.double_value = _DOUBLE, value
        if not typed:
            metric.ClearField("datatype")
    data: bytes = payload.SerializeToString()
    return data
