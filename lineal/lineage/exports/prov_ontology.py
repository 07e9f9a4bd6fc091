"""A PROV-JSON document in the words of PROV-O, which Turtle and JSON-LD then write.

Source: https://www.w3.org/TR/prov-o/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

NAMESPACES = {
    "prov": "http://www.w3.org/ns/prov#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}
TYPE = "a"
"""The property that says of what class something is."""

_CLASSES = {"entity": "prov:Entity", "activity": "prov:Activity", "agent": "prov:Agent"}
_PROPERTIES = {
    "prov:startTime": "prov:startedAtTime",
    "prov:endTime": "prov:endedAtTime",
    "prov:time": "prov:atTime",
    "prov:role": "prov:hadRole",
    "prov:plan": "prov:hadPlan",
    "prov:label": "rdfs:label",
    "prov:type": TYPE,
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


class Name(NamedTuple):
    """A qualified name."""

    name: str


class Time(NamedTuple):
    """A literal of xsd:dateTime."""

    text: str


Value: TypeAlias = "Name | Time | str | int | tuple[Property, ...]"
"""Properties of something without a name of its own, or a literal."""


class Property(NamedTuple):
    """What is said of something."""

    property: str
    value: Value


class Statement(NamedTuple):
    """Something, and what is said of it."""

    name: str
    properties: tuple[Property, ...]


def context_of(document: dict[str, Any]) -> dict[str, str]:
    """What the names of a document begin with."""
    return {**NAMESPACES, **document["prefix"]}


def statements(document: dict[str, Any]) -> Iterator[Statement]:
    """What a document of :func:`lineal.lineage.exports.prov.prov_document` says."""
    for kind, kind_class in _CLASSES.items():
        for name, said in document.get(kind, {}).items():
            yield Statement(name, (Property(TYPE, Name(kind_class)), *_properties(said)))
    for kind, relation in _RELATIONS.items():
        for said in document.get(kind, {}).values():
            subject, named = said[relation.subject], Name(said[relation.object])
            yield Statement(subject, (Property(f"prov:{kind}", named),))
            more = {
                key: value
                for key, value in said.items()
                if key not in (relation.subject, relation.object)
            }
            if relation.qualified is not None and more:
                qualified, influence, names = relation.qualified
                about = (Property(TYPE, Name(influence)), Property(names, named))
                yield Statement(subject, (Property(qualified, (*about, *_properties(more))),))


def _properties(said: dict[str, Any]) -> Iterator[Property]:
    for key, value in said.items():
        written: Value = value
        if isinstance(value, dict):
            written = Name(value["$"])
        elif key in _TIMES:
            written = Time(value)
        elif key == "prov:plan":
            written = Name(value)
        yield Property(_PROPERTIES.get(key, key), written)
