"""Reads and writes the data of foreign payload types."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

from pydantic import ValidationError

from lineal.registry.client import RegistryClient, Schema
from lineal.registry.errors import MalformedMessage
from lineal.registry.wire import frame, frame_indexes, read_indexes, split_frame
from lineal_schemas.foreign import Avro, Foreign, Protobuf
from lineal_schemas.payload import Payload, payload_bytes


class ForeignCodec:
    """Payloads from and to a schema registry's wire format.

    All methods raise:
        RegistryUnavailable: the registry is away; nothing is to blame.
        UnknownSchema, SchemaRejected: see :class:`lineal.registry.client.RegistryClient`.
        MalformedMessage: data and schema do not go together; says where.
    """

    def __init__(self, client: RegistryClient) -> None:
        self._client = client
        self._avro: dict[int, Any] = {}
        """Parsed schemas by id."""

    async def decode(
        self, payload_type: type[Payload], foreign: Foreign, message: bytes
    ) -> Payload:
        """The payload of a message."""
        schema_id, data = split_frame(message)
        try:
            if isinstance(foreign, Avro):
                record = self._read_avro(await self._parsed(schema_id), data)
            elif isinstance(foreign, Protobuf):
                record = _read_protobuf(foreign, data)
            else:
                return payload_type.model_validate_json(data)
            return payload_type.model_validate(record)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, problem['loc'])) or 'data'}: {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False)
            )
            raise MalformedMessage(
                f"data by schema {schema_id} does not fit {payload_type.type}: {problems}"
            ) from error

    async def encode(self, foreign: Foreign, payload: Payload) -> bytes:
        """The message of a payload."""
        schema_id, schema = await self._client.written(
            foreign.subject, foreign.schema, foreign.schema_type
        )
        if isinstance(foreign, Avro):
            if schema_id not in self._avro:
                self._avro[schema_id] = await self._parse(schema)
            return frame(schema_id, _write_avro(self._avro[schema_id], payload))
        if isinstance(foreign, Protobuf):
            return frame(schema_id, _write_protobuf(foreign, payload))
        return frame(schema_id, payload_bytes(payload))

    async def _parsed(self, schema_id: int) -> Any:
        if schema_id not in self._avro:
            self._avro[schema_id] = await self._parse(await self._client.schema(schema_id))
        return self._avro[schema_id]

    async def _parse(self, schema: Schema) -> Any:
        from fastavro import parse_schema
        from fastavro.schema import SchemaParseException

        named: dict[str, Any] = {}
        try:
            await self._parse_references(schema, named)
            return parse_schema(json.loads(schema.text), named)
        except (SchemaParseException, ValueError) as error:
            raise MalformedMessage(f"the registry's schema is no Avro schema: {error}") from error

    async def _parse_references(self, schema: Schema, named: dict[str, Any]) -> None:
        from fastavro import parse_schema

        for reference in schema.references:
            if reference.name not in named:
                found = await self._client.referenced(reference)
                await self._parse_references(found, named)
                parse_schema(json.loads(found.text), named)

    def _read_avro(self, schema: Any, data: bytes) -> Any:
        from fastavro import schemaless_reader

        source = BytesIO(data)
        try:
            record = schemaless_reader(source, schema, None)
        except Exception as error:  # of many kinds, by what the bytes happen to say
            raise MalformedMessage(
                f"the data is not what its Avro schema says: {error!r}"
            ) from None
        if source.read(1):
            raise MalformedMessage("bytes follow the data that the Avro schema describes")
        return record


def _write_avro(schema: Any, payload: Payload) -> bytes:
    from fastavro import schemaless_writer

    written = BytesIO()
    try:
        schemaless_writer(written, schema, payload.model_dump(by_alias=True))
    except Exception as error:
        raise MalformedMessage(f"{payload.type} does not fit the Avro schema: {error!r}") from error
    return written.getvalue()


def _read_protobuf(foreign: Protobuf, data: bytes) -> Any:
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError

    indexes, body = read_indexes(data)
    expected = _indexes(foreign.message.DESCRIPTOR)
    if indexes != expected:
        raise MalformedMessage(
            f"the message is number {indexes} of its file, "
            f"{foreign.message.DESCRIPTOR.full_name} is {expected}"
        )
    try:
        message = foreign.message.FromString(body)
    except DecodeError as error:
        raise MalformedMessage(f"the data is no Protobuf message: {error}") from error
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _write_protobuf(foreign: Protobuf, payload: Payload) -> bytes:
    from google.protobuf.json_format import ParseDict, ParseError

    try:
        message = ParseDict(
            payload.model_dump(mode="json", by_alias=True, exclude_none=True), foreign.message()
        )
    except ParseError as error:
        raise MalformedMessage(
            f"{payload.type} does not fit {foreign.message.DESCRIPTOR.full_name}: {error}"
        ) from error
    return frame_indexes(_indexes(foreign.message.DESCRIPTOR), message.SerializeToString())


def _indexes(descriptor: Any) -> list[int]:
    """The path to a message within its file."""
    indexes: list[int] = []
    while descriptor is not None:
        outer = descriptor.containing_type
        beside = (
            outer.nested_types
            if outer is not None
            else (descriptor.file.message_types_by_name.values())
        )
        names = [item.full_name for item in beside]
        indexes.insert(0, names.index(descriptor.full_name))
        descriptor = outer
    return indexes
