"""Says of a payload type that others write it, or read it, by a schema registry's wire format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Avro:
    """Data is Avro.

    Attributes:
        subject: of the schema in the registry, as ``orders-value``.
        schema: what is written, as JSON text; it is registered. None: the subject's newest.
    """

    subject: str
    schema: str | None = None

    media_type = "application/vnd.confluent.avro"
    schema_type = "AVRO"


@dataclass(frozen=True)
class JsonSchema:
    """Data is JSON behind the registry's header.

    Attributes:
        subject: see :class:`Avro`.
        schema: see :class:`Avro`.
    """

    subject: str
    schema: str | None = None

    media_type = "application/vnd.confluent.json"
    schema_type = "JSON"


@dataclass(frozen=True)
class Protobuf:
    """Data is Protobuf.

    Attributes:
        subject: see :class:`Avro`.
        message: the class that protoc has made of the message.
        schema: the text of the ``.proto`` file; see :class:`Avro`.
    """

    subject: str
    message: Any
    schema: str | None = None

    media_type = "application/vnd.confluent.protobuf"
    schema_type = "PROTOBUF"


Foreign = Avro | JsonSchema | Protobuf
