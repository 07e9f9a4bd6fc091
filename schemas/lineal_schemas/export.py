"""JSON Schemas (2020-12) of the envelope, of every event's payload and of the result documents.

They are what a subscriber in another language reads, so they describe what readers accept: a field
with a default may be left out, unknown fields are allowed.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lineal_schemas.catalogue import lineal_payloads as lineal_payloads
from lineal_schemas.envelope import SPEC_VERSION, schema_uri
from lineal_schemas.media_types import JSON_MEDIA_TYPE
from lineal_schemas.payload import Payload
from lineal_schemas.results import Analysis, TextResult

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]
"""A JSON Schema as parsed JSON."""

Name = tuple[str, int]
"""What a schema is the schema of: an event type (or document name) and its version."""

ENVELOPE: Name = ("envelope", 1)
RESULTS: dict[Name, type[BaseModel]] = {("text_result", 1): TextResult, ("analysis", 1): Analysis}


def export(payloads: Mapping[str, type[Payload]] | None = None) -> dict[Name, Schema]:
    """The schemas of the envelope, the result documents and ``payloads`` (None takes all of ours),
    by name, in a fixed order."""
    models = lineal_payloads() if payloads is None else payloads
    named = {(type, model.version): model for type, model in sorted(models.items())}
    return {
        ENVELOPE: envelope_schema(),
        **{name: model_schema(model, name) for name, model in RESULTS.items()},
        **{name: model_schema(model, name) for name, model in named.items()},
    }


def file_name(name: Name) -> str:
    """The file a schema is kept in: ``document.arrived.v1.json``."""
    return f"{name[0]}.v{name[1]}.json"


def render(schema: Schema) -> bytes:
    """The content of a schema's file; equal schemas give equal bytes."""
    return (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()


_PACKAGE = Path(__file__).resolve().parent


def in_checkout() -> bool:
    """Whether this is the source tree and not an installed wheel."""
    return (_PACKAGE.parent / "pyproject.toml").is_file()


def committed_folder() -> Path:
    """Where the published schemas are: ``schemas/json`` in a checkout, inside the package when
    installed from a wheel."""
    return (_PACKAGE.parent if in_checkout() else _PACKAGE) / "json"


def read_folder(folder: Path) -> dict[Name, bytes]:
    """The schema files of a folder, by what they are the schema of; other files are ignored."""
    files: dict[Name, bytes] = {}
    for path in sorted(folder.glob("*.v*.json")):
        type, _, version = path.name.removesuffix(".json").rpartition(".v")
        if type and version.isascii() and version.isdigit():
            files[type, int(version)] = path.read_bytes()
    return files


def write_folder(folder: Path, schemas: Mapping[Name, Schema]) -> list[Path]:
    """Write the schemas that are new or changed and return their files. Files of older versions are
    never touched: old events are described by them."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in schemas.items():
        path = folder / file_name(name)
        content = render(schema)
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
            written.append(path)
    return written


def model_schema(model: type[BaseModel], name: Name) -> Schema:
    """The schema of one model, with the texts of its docstrings as descriptions."""
    schema = model.model_json_schema(mode="validation")
    definitions = schema.pop("$defs", {})
    for owner in _models_of(model):
        described = definitions.get(owner.__name__) if owner is not model else schema
        if described is not None:
            _describe(described, owner)
    return {
        "$schema": DIALECT,
        "$id": schema_uri(*name),
        "title": f"{name[0]} version {name[1]}",
        "description": schema.pop("description", ""),
        **{key: value for key, value in schema.items() if key != "title"},
        **({"$defs": definitions} if definitions else {}),
    }


def _models_of(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The model and all models its fields are made of."""
    found: dict[type[BaseModel], None] = {}
    queue: list[Any] = [model]
    while queue:
        item = queue.pop(0)
        if inspect.isclass(item) and issubclass(item, BaseModel):
            if item not in found:
                found[item] = None
                queue.extend(field.annotation for field in item.model_fields.values())
        else:
            queue.extend(getattr(item, "__args__", ()))
    return list(found)


def _describe(schema: Schema, model: type[BaseModel]) -> None:
    """Give a model's schema the docstrings of the model and its fields, each as one line."""
    if model.__doc__ and "__doc__" in vars(model):
        schema["description"] = _one_line(model.__doc__)
    else:
        schema.pop("description", None)
    for owner in reversed(model.__mro__):
        if not issubclass(owner, BaseModel) or owner.__module__.startswith("pydantic"):
            continue
        for field, text in _field_docstrings(owner).items():
            if field in schema.get("properties", {}):
                schema["properties"][field]["description"] = text
    for field_schema in schema.get("properties", {}).values():
        field_schema.pop("title", None)  # pydantic's, and only the field's name again


@functools.cache  # reading and parsing a class's source is most of the work of an export
def _field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The string that follows each field in the source; none where there is no source."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    except (OSError, TypeError, SyntaxError):
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    texts = {}
    for field, text in itertools.pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            texts[field.target.id] = _one_line(text.value.value)
    return texts


def _one_line(text: str) -> str:
    plain = re.sub(r":\w+:`~?([^`]*)`", r"\1", text.replace("``", "`"))
    return " ".join(plain.split())


def envelope_schema() -> Schema:
    """The schema of a CloudEvent of ours in the JSON event format.

    The attributes are those of CloudEvents 1.0 with the extensions that lineal adds; further
    extensions are allowed. Only what a reader cannot do without is required.
    """
    text = {"type": "string", "minLength": 1}
    return {
        "$schema": DIALECT,
        "$id": schema_uri(*ENVELOPE),
        "title": f"{ENVELOPE[0]} version {ENVELOPE[1]}",
        "description": "A lineal event: CloudEvents 1.0, JSON event format.",
        "type": "object",
        "properties": {
            "specversion": {"const": SPEC_VERSION},
            "id": {**text, "description": "Derived, so a duplicate of an event has the same id."},
            "source": {**text, "format": "uri-reference", "description": "What made the event."},
            "type": {**text, "description": "The event type, as in document.arrived."},
            "subject": {**text, "description": "The document or device it is about."},
            "time": {**text, "format": "date-time", "description": "RFC 3339, UTC."},
            "datacontenttype": {**text, "default": JSON_MEDIA_TYPE},
            "dataschema": {
                **text,
                "format": "uri",
                "description": "The $id of the schema of data: urn:lineal:schema:TYPE:VERSION. "
                "Version 1 where there is none.",
            },
            "partitionkey": {
                **text,
                "description": "Events with the same key are in order; the id where there is none.",
            },
            "traceparent": {**text, "description": "W3C trace context."},
            "causationid": {
                **text,
                "description": "Id of the event that caused this one; absent where a producer made "
                "it.",
            },
            "correlationid": {
                **text,
                "description": "Shared by all events about one document or device; the id where "
                "there is none.",
            },
            "supersedes": {
                **text,
                "description": "Id of the event whose place this one takes: another version of its "
                "stage made that one of the same input.",
            },
            "actor": {
                **text,
                "description": "Who sent it, as lineal has found out where it came in: what others "
                "state is overwritten. Absent where a stage made it.",
            },
            "mark": {
                **text,
                "description": "By which the workers of an installation know that one of them "
                "published it, on a broker that others write to as well.",
            },
            "data": {"description": "The payload, described by the schema that dataschema names."},
            "data_base64": {
                "type": "string",
                "contentEncoding": "base64",
                "description": "In place of data where the payload is not JSON.",
            },
        },
        "required": ["specversion", "id", "source", "type"],
    }
