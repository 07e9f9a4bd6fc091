"""A PROV-JSON document as PROV-O, in Turtle.

Sources: https://www.w3.org/TR/prov-o/ and https://www.w3.org/TR/turtle/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

_NAMESPACES = {
    "prov": "http://www.w3.org/ns/prov#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}
_CLASSES = {"entity": "prov:Entity", "activity": "prov:Activity", "agent": "prov:Agent"}
_PROPERTIES = {
    "prov:startTime": "prov:startedAtTime",
    "prov:endTime": "prov:endedAtTime",
    "prov:time": "prov:atTime",
    "prov:role": "prov:hadRole",
    "prov:plan": "prov:hadPlan",
    "prov:label": "rdfs:label",
    "prov:type": "a",
}
_TIMES = frozenset(("prov:startTime", "prov:endTime", "prov:time"))


class _Relation(NamedTuple):
    """How PROV-O says a relation: who has the property, and whom it names."""

    subject: str
    object: str
    qualified: tuple[str, str, str] | None = None
    """The property of the qualified form, its class, and what there names the object."""


_RELATIONS = {
    "used": _Relation(
        "prov:activity", "prov:entity", ("prov:qualifiedUsage", "prov:Usage", "prov:entity")
    ),
    "wasGeneratedBy": _Relation(
        "prov:entity",
        "prov:activity",
        ("prov:qualifiedGeneration", "prov:Generation", "prov:activity"),
    ),
    "wasInvalidatedBy": _Relation(
        "prov:entity",
        "prov:activity",
        ("prov:qualifiedInvalidation", "prov:Invalidation", "prov:activity"),
    ),
    "wasAssociatedWith": _Relation(
        "prov:activity",
        "prov:agent",
        ("prov:qualifiedAssociation", "prov:Association", "prov:agent"),
    ),
    "wasInformedBy": _Relation("prov:informed", "prov:informant"),
    "hadMember": _Relation("prov:collection", "prov:entity"),
    "alternateOf": _Relation("prov:alternate1", "prov:alternate2"),
}


def turtle(document: dict[str, Any]) -> str:
    """A document of :func:`lineal.lineage.exports.prov.prov_document` in Turtle."""
    prefixes = {**_NAMESPACES, **document["prefix"]}
    lines = [f"@prefix {name}: <{iri}> ." for name, iri in prefixes.items()]
    lines += _statements(document, prefixes)
    return "\n".join(lines) + "\n"


def _statements(document: dict[str, Any], prefixes: dict[str, str]) -> Iterator[str]:
    for kind, kind_class in _CLASSES.items():
        for name, said in document.get(kind, {}).items():
            properties = [f"a {kind_class}", *_properties(said, prefixes)]
            yield f"{_term(name, prefixes)} {' ; '.join(properties)} ."
    for kind, relation in _RELATIONS.items():
        for said in document.get(kind, {}).values():
            subject = _term(said[relation.subject], prefixes)
            named = _term(said[relation.object], prefixes)
            yield f"{subject} prov:{kind} {named} ."
            more = {
                key: value
                for key, value in said.items()
                if key not in (relation.subject, relation.object)
            }
            if relation.qualified is not None and more:
                qualified, influence, names = relation.qualified
                properties = [f"a {influence}", f"{names} {named}", *_properties(more, prefixes)]
                yield f"{subject} {qualified} [ {' ; '.join(properties)} ] ."


def _properties(said: dict[str, Any], prefixes: dict[str, str]) -> Iterator[str]:
    for key, value in said.items():
        written = orjson.dumps(value).decode()  # a string's escapes are those of Turtle
        if isinstance(value, dict):
            written = _term(value["$"], prefixes)
        elif key in _TIMES:
            written += "^^xsd:dateTime"
        elif key == "prov:plan":
            written = _term(value, prefixes)
        yield f"{_PROPERTIES.get(key, key)} {written}"


def _term(name: str, prefixes: dict[str, str]) -> str:
    prefix, _, local = name.partition(":")
    return f"<{prefixes[prefix]}{local}>"
