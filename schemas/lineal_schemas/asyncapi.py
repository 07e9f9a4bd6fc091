"""Makes the AsyncAPI 3.0 document: every topic with its events.

It is self-contained: the JSON Schemas are in it, in the dialect of AsyncAPI (a superset of draft
7).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any

from lineal_schemas import export as schema_files
from lineal_schemas.envelope import SPEC_VERSION, schema_uri
from lineal_schemas.export import (
    ENVELOPE,
    RESULTS,
    Name,
    Schema,
    envelope_schema,
    export,
    read_folder,
    render,
)
from lineal_schemas.failures import DeadLetter
from lineal_schemas.media_types import JSON_MEDIA_TYPE

FILE = "asyncapi.json"

_KAFKA_BINDING = "0.5.0"
_HTTP_BINDING = "0.3.0"
_MQTT_BINDING = "0.2.0"
_OURS_ALONE = "lineal."
"""Types that only lineal may send."""

_EXTENSIONS = (
    "subject",
    "partitionkey",
    "traceparent",
    "causationid",
    "correlationid",
    "supersedes",
    "actor",
    "mark",
)


def committed_file() -> Path:
    """Where the published document is: ``schemas/asyncapi.json`` in a checkout."""
    return schema_files.committed_folder().with_name(FILE)


def published(current: Mapping[Name, Schema], folder: Path | None = None) -> dict[Name, Schema]:
    """The current schemas and those of older versions, whose events are still there.

    Args:
        folder: where the older ones are; None takes lineal's own.
    """
    old = {
        name: json.loads(content)
        for name, content in read_folder(folder or schema_files.committed_folder()).items()
        if name not in current and name[0] in {type for type, _ in current}
    }
    return {**old, **current}


def document(schemas: Mapping[Name, Schema] | None = None) -> dict[str, Any]:
    """The document as JSON values; equal schemas give equal documents.

    Args:
        schemas: of events, by type and version; None takes all that are published.
    """
    if schemas is None:
        schemas = published(export())
    events = {
        name: schema
        for name, schema in sorted(schemas.items())
        if name != ENVELOPE and name not in RESULTS
    }
    channels: dict[str, Any] = {}
    for name, schema in events.items():
        channel = channels.setdefault(name[0], _channel(name[0], schema))
        channel["messages"][message_name(name)] = {
            "$ref": f"#/components/messages/{message_name(name)}"
        }
    return {
        "asyncapi": "3.0.0",
        "id": "urn:lineal:asyncapi",
        "info": {
            "title": "lineal",
            "version": distribution_version("lineal-schemas"),
            "description": "Events of documents and sensors, as CloudEvents 1.0. On Kafka in "
            "binary mode: the attributes are headers, the data is the value. A topic has the name "
            "of the type of its events. An event's id is derived from what caused it, so a "
            "duplicate has the same id; events with the same partition key come in order.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": JSON_MEDIA_TYPE,
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "What LINEAL_BUS names.",
                "variables": {"bootstrap": {"default": "localhost:9092"}},
            }
        },
        "channels": channels,
        "operations": _operations(channels),
        "components": {
            "messages": {
                message_name(name): _message(name, schema) for name, schema in events.items()
            },
            "messageTraits": {"cloudevent": _cloudevent()},
            "schemas": {message_name(name): _inlined(name, events[name]) for name in events},
        },
    }


def message_name(name: Name) -> str:
    """How a type and version are called in the document: ``document.indexed.v1``."""
    return f"{name[0]}.v{name[1]}"


def stale(committed: bytes | None, schemas: Mapping[Name, Schema] | None = None) -> str | None:
    """Why the committed document has to be written again; None if it is up to date."""
    if committed is None:
        return f"{FILE} is not there yet"
    return None if committed == render(document(schemas)) else f"{FILE} is not what the schemas say"


def write(file: Path, schemas: Mapping[Name, Schema] | None = None) -> bool:
    """Write the document if it is not up to date; whether it was not."""
    content = render(document(schemas))
    if file.is_file() and file.read_bytes() == content:
        return False
    file.write_bytes(content)
    return True


def _channel(type: str, schema: Schema) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": type,
        "title": type,
        "description": schema.get("description") or f"Events of type {type}.",
        "messages": {},
    }
    if type == DeadLetter.type:
        channel["address"] = "dead.{group}"
        channel["parameters"] = {"group": {"description": "The stage that gave up on the event."}}
    else:
        channel["bindings"] = {"kafka": {"topic": type, "bindingVersion": _KAFKA_BINDING}}
    return channel


def _operations(channels: Mapping[str, Any]) -> dict[str, Any]:
    operations = {}
    for type in channels:
        channel = {"$ref": f"#/channels/{type}"}
        operations[f"send.{type}"] = {
            "action": "send",
            "channel": channel,
            "summary": f"lineal sends {type}: subscribe to the channel to get it.",
        }
        if not type.startswith(_OURS_ALONE):
            operations[f"receive.{type}"] = {
                "action": "receive",
                "channel": channel,
                "summary": f"lineal takes {type} from others too, over HTTP as well.",
                "bindings": {"http": {"method": "POST", "bindingVersion": _HTTP_BINDING}},
            }
    return operations


def _message(name: Name, schema: Schema) -> dict[str, Any]:
    return {
        "name": name[0],
        "title": f"{name[0]} version {name[1]}",
        "summary": schema.get("description", ""),
        "contentType": JSON_MEDIA_TYPE,
        "headers": {
            "type": "object",
            "properties": {
                "ce_type": {"const": name[0]},
                "ce_dataschema": {"const": schema_uri(*name)},
            },
        },
        "payload": {"$ref": f"#/components/schemas/{message_name(name)}"},
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
    }


def _cloudevent() -> dict[str, Any]:
    """What all messages have in common: CloudEvents in the binary mode of each protocol."""
    envelope = envelope_schema()["properties"]
    return {
        "headers": _attributes(envelope, "ce_", "content-type"),
        "correlationId": {
            "description": envelope["correlationid"]["description"],
            "location": "$message.header#/ce_correlationid",
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "The partitionkey attribute."},
                "bindingVersion": _KAFKA_BINDING,
            },
            "http": {
                "headers": _attributes(envelope, "ce-", "content-type"),
                "bindingVersion": _HTTP_BINDING,
            },
            "mqtt": {
                "payloadFormatIndicator": 1,
                "contentType": JSON_MEDIA_TYPE,
                "bindingVersion": _MQTT_BINDING,
            },
        },
    }


def _attributes(envelope: Mapping[str, Any], prefix: str, content_type: str) -> Schema:
    names = ("specversion", "id", "source", "type", "time", "dataschema", *_EXTENSIONS)
    attributes = {f"{prefix}{name}": envelope[name] for name in names}
    attributes[f"{prefix}specversion"] = {"type": "string", "const": SPEC_VERSION}
    return {
        "type": "object",
        "properties": {**attributes, content_type: {"type": "string", "const": JSON_MEDIA_TYPE}},
        "required": [f"{prefix}{name}" for name in ("specversion", "id", "source", "type")],
    }


def _inlined(name: Name, schema: Schema) -> Schema:
    """A published schema as a part of the document."""
    kept = {key: value for key, value in schema.items() if key not in ("$id", "$schema")}
    inlined = _draft7(kept, f"#/components/schemas/{message_name(name)}")
    assert isinstance(inlined, dict)
    return inlined


def _draft7(node: Any, root: str) -> Any:
    """Schema 2020-12 as draft 7: tuples are said with ``items``, and references start from the
    document. A ``discriminator`` is only a hint, and AsyncAPI means something else by it."""
    if isinstance(node, list):
        return [_draft7(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    made = {
        key: f"{root}{value[1:]}" if key == "$ref" else _draft7(value, root)
        for key, value in node.items()
        if not (key == "discriminator" and isinstance(value, dict) and "propertyName" in value)
    }
    if "prefixItems" in made:
        rest = made.pop("items", None)
        made["items"] = made.pop("prefixItems")
        if rest is not None:
            made["additionalItems"] = rest
    return made
