"""PROV-O in Turtle: https://www.w3.org/TR/turtle/."""

from __future__ import annotations

from typing import Any

import orjson

from lineal.lineage.exports.prov_ontology import Name, Property, Time, context_of, statements


def turtle(document: dict[str, Any]) -> str:
    """A document of :func:`lineal.lineage.exports.prov.prov_document` in Turtle."""
    prefixes = context_of(document)
    lines = [f"@prefix {name}: <{iri}> ." for name, iri in prefixes.items()]
    for name, said in statements(document):
        properties = " ; ".join(_property(item, prefixes) for item in said)
        lines.append(f"{_term(name, prefixes)} {properties} .")
    return "\n".join(lines) + "\n"


def _property(said: Property, prefixes: dict[str, str]) -> str:
    value = said.value
    if isinstance(value, Name):
        written = _term(value.name, prefixes)
    elif isinstance(value, Time):
        written = f"{orjson.dumps(value.text).decode()}^^xsd:dateTime"
    elif isinstance(value, tuple):
        written = f"[ {' ; '.join(_property(item, prefixes) for item in value)} ]"
    else:
        written = orjson.dumps(value).decode()  # a string's escapes are those of Turtle
    return f"{said.property} {written}"


def _term(name: str, prefixes: dict[str, str]) -> str:
    prefix, _, local = name.partition(":")
    return f"<{prefixes[prefix]}{local}>"
