"""PROV-O in JSON-LD 1.1: https://www.w3.org/TR/json-ld11/. It reads no context from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lineal.lineage.exports.prov_ontology import (
    TYPE,
    Name,
    Property,
    Time,
    Value,
    context_of,
    statements,
)


def jsonld(document: dict[str, Any]) -> dict[str, Any]:
    """A document of :func:`lineal.lineage.exports.prov.prov_document` in JSON-LD."""
    nodes: dict[str, dict[str, Any]] = {}
    for name, said in statements(document):
        _add(nodes.setdefault(name, {"@id": name}), said)
    return {"@context": context_of(document), "@graph": list(nodes.values())}


def _add(node: dict[str, Any], said: Iterable[Property]) -> None:
    for name, value in said:
        if name == TYPE:
            assert isinstance(value, Name)
            node.setdefault("@type", []).append(value.name)
        else:
            node.setdefault(name, []).append(_written(value))


def _written(value: Value) -> Any:
    if isinstance(value, Name):
        return {"@id": value.name}
    if isinstance(value, Time):
        return {"@value": value.text, "@type": "xsd:dateTime"}
    if isinstance(value, tuple):
        node: dict[str, Any] = {}
        _add(node, value)
        return node
    return value
