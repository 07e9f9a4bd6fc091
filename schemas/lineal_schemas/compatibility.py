"""Compares two versions of a schema: is the change compatible for readers and writers?

Two questions about an old and a new schema of one version: can a reader with the new one read all
that was written under the old one, and can a subscriber that kept the old one read all that is
written under the new one? Both must hold, or the version has to be raised.

The comparison is conservative: a change it does not understand is called incompatible.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lineal_schemas.export import Schema

_ANNOTATIONS = {
    "$schema", "$id", "$defs", "$comment", "title", "description", "examples", "deprecated",
    "readOnly", "writeOnly", "default",
}  # fmt: skip
_LOWER_BOUNDS = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
_UPPER_BOUNDS = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
_UNDERSTOOD = {"type", "enum", "const", "anyOf", "properties", "required", "items", "prefixItems",
               "additionalProperties", *_LOWER_BOUNDS, *_UPPER_BOUNDS}  # fmt: skip

NEW_READER = "a new reader cannot read old events"
OLD_READER = "a subscriber with the old schema cannot read new events"


@dataclass(frozen=True)
class Change:
    """One incompatible change."""

    path: str
    """Path of the change: ``content.sha256``, ``plan[]``; empty for the schema itself."""
    what: str
    """What changed, in words."""
    breaks: str
    """Who cannot read what: :data:`NEW_READER` or :data:`OLD_READER`."""

    def __str__(self) -> str:
        return f"{self.path + ': ' if self.path else ''}{self.what} ({self.breaks})"


def incompatible_changes(old: Schema, new: Schema) -> list[Change]:
    """The changes from ``old`` to ``new`` that break a reader; none means compatible.

    Adding an optional field (one with a default) is compatible, as are changes of titles and
    descriptions. Everything that allows less breaks new readers of old events, everything that
    allows more breaks subscribers with the old schema.
    """
    return [
        *_Comparison(old, new, NEW_READER).run(),
        *_Comparison(new, old, OLD_READER).run(),
    ]


class _Comparison:
    """Looks for what ``writer`` allows and ``reader`` does not take."""

    def __init__(self, writer: Schema, reader: Schema, breaks: str) -> None:
        self.writer = writer
        self.reader = reader
        self.breaks = breaks
        self.forwards = breaks == NEW_READER  # the writer is the old schema
        self.changes: list[Change] = []
        self.compared: set[tuple[str, str]] = set()

    def run(self) -> list[Change]:
        self.compare(self.writer, self.reader, "")
        return list(dict.fromkeys(self.changes))

    def report(self, path: str, what: str) -> None:
        self.changes.append(Change(path, what, self.breaks))

    def fits(self, writer: Any, reader: Any) -> bool:
        trial = _Comparison(self.writer, self.reader, self.breaks)
        trial.compared = set(self.compared)
        trial.compare(writer, reader, "")
        return not trial.changes

    def compare(self, writer: Any, reader: Any, path: str) -> None:
        writer, reader = _as_object(writer), _as_object(reader)
        visit = (_canonical(writer), _canonical(reader))
        if "$ref" in writer or "$ref" in reader:
            if visit in self.compared:
                return  # a recursive definition, under comparison further up
            self.compared.add(visit)
        writer, reader = _resolve(writer, self.writer), _resolve(reader, self.reader)
        if self.forwards:
            self._compare_defaults(writer, reader, path)
        if "anyOf" in writer or "anyOf" in reader:
            self._compare_alternatives(writer, reader, path)
            return
        if self._compare_types(writer, reader, path):
            self._compare_values(writer, reader, path)
            self._compare_bounds(writer, reader, path)
            self._compare_fields(writer, reader, path)
            self._compare_items(writer, reader, path)
            self._compare_others(writer, reader, path)

    def _compare_defaults(self, old: Schema, new: Schema, path: str) -> None:
        if "default" in old and "default" in new and old["default"] != new["default"]:
            self.report(
                path, f"default changed from {_text(old['default'])} to {_text(new['default'])}"
            )

    def _compare_alternatives(self, writer: Schema, reader: Schema, path: str) -> None:
        written, taken = _alternatives(writer), _alternatives(reader)
        if len(written) == len(taken) == 1:
            self.compare(written[0], taken[0], path)
            return
        left = [one for one in written if not any(self.fits(one, other) for other in taken)]
        unmatched = [other for other in taken if not any(self.fits(one, other) for one in written)]
        if len(left) == len(unmatched) == 1:
            self.compare(left[0], unmatched[0], path)  # say what changed inside
            return
        for one in left:
            what = _kind(_resolve(one, self.writer))
            self.report(path, f"{what} is {'no longer' if self.forwards else 'newly'} allowed")

    def _compare_types(self, writer: Schema, reader: Schema, path: str) -> bool:
        written, taken = _types(writer), _types(reader)
        if taken is None or (
            written is not None
            and all(one in taken or (one == "integer" and "number" in taken) for one in written)
        ):
            return True
        self.report(path, self._phrase("type", _type_names(written), _type_names(taken)))
        return False

    def _compare_values(self, writer: Schema, reader: Schema, path: str) -> None:
        written, taken = _values(writer), _values(reader)
        if taken is None:
            return
        if written is None:
            limited = "is now limited" if self.forwards else "is no longer limited"
            self.report(path, f"{limited} to {', '.join(taken)}")
            return
        odd = [value for value in written if value not in taken]
        if odd:
            how = "removed" if self.forwards else "added"
            self.report(path, f"allowed values {how}: {', '.join(odd)}")

    def _compare_bounds(self, writer: Schema, reader: Schema, path: str) -> None:
        for bound in sorted(_LOWER_BOUNDS | _UPPER_BOUNDS):
            limit, used = reader.get(bound), writer.get(bound)
            if limit is None:
                continue
            tighter = used is None or (used < limit if bound in _LOWER_BOUNDS else used > limit)
            if tighter:
                self.report(path, self._phrase(bound, used, limit))

    def _compare_fields(self, writer: Schema, reader: Schema, path: str) -> None:
        written, taken = writer.get("properties", {}), reader.get("properties", {})
        needed, given = set(reader.get("required", ())), set(writer.get("required", ()))
        for field in [*taken, *sorted(needed - set(taken))]:
            place = f"{path}.{field}" if path else field
            if field not in written:
                if not self.forwards:
                    self.report(place, "field removed")
                elif field in needed:
                    self.report(place, "required field added")
                continue
            if field in needed and field not in given:
                self.report(place, "now required" if self.forwards else "no longer required")
            self.compare(written[field], taken.get(field, {}), place)
        extra, room = (side.get("additionalProperties", True) for side in (writer, reader))
        if extra != room:
            if room is False:
                said = "no longer" if self.forwards else "newly"
                self.report(path, f"unknown fields are {said} allowed")
            elif room is not True:
                self.compare({} if extra is True else extra, room, f"{path}{{}}")

    def _compare_items(self, writer: Schema, reader: Schema, path: str) -> None:
        written, taken = writer.get("prefixItems", []), reader.get("prefixItems", [])
        for index in range(max(len(written), len(taken))):
            one = written[index] if index < len(written) else writer.get("items", {})
            other = taken[index] if index < len(taken) else reader.get("items", {})
            self.compare(one, other, f"{path}[{index}]")
        if "items" in reader:
            self.compare(writer.get("items", {}), reader["items"], f"{path}[]")

    def _compare_others(self, writer: Schema, reader: Schema, path: str) -> None:
        for keyword in reader.keys() - _ANNOTATIONS - _UNDERSTOOD:
            if writer.get(keyword) != reader[keyword]:
                self.report(path, self._phrase(keyword, writer.get(keyword), reader[keyword]))

    def _phrase(self, what: str, writer: Any, reader: Any) -> str:
        old, new = (writer, reader) if self.forwards else (reader, writer)
        if old is None:
            return f"{what} {_text(new)} added"
        if new is None:
            return f"{what} {_text(old)} removed"
        return f"{what} changed from {_text(old)} to {_text(new)}"


def _resolve(schema: Schema, root: Schema) -> Schema:
    seen = set()
    while "$ref" in schema:
        reference = schema["$ref"]
        if reference in seen or not reference.startswith("#/$defs/"):
            return schema
        seen.add(reference)
        target = root["$defs"][reference.removeprefix("#/$defs/")]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _as_object(schema: Schema | bool) -> Schema:
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    return schema


def _alternatives(schema: Schema) -> list[Schema]:
    if "anyOf" in schema:
        return list(schema["anyOf"])
    return [{key: value for key, value in schema.items() if key != "default"}]


def _types(schema: Schema) -> list[str] | None:
    type = schema.get("type")
    return [type] if isinstance(type, str) else type


def _type_names(types: list[str] | None) -> str:
    return " or ".join(types) if types else "anything"


def _values(schema: Schema) -> list[str] | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if values is None else [_text(value) for value in values]


def _kind(schema: Schema) -> str:
    return str(schema.get("title") or _type_names(_types(schema)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _canonical(schema: Any) -> str:
    return json.dumps(schema, sort_keys=True)
