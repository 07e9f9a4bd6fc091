"""The effect of indexing a document's pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection
from lineal_catalog.search.entries import replace_document, replace_field_facets
from lineal_catalog.search.pages import SearchPage


@dataclass(frozen=True, slots=True)
class SearchEntries(Effect):
    """These pages and facets are the only entries of a document."""

    kind: ClassVar[str] = "index"
    read_by_others: ClassVar[bool] = True

    document_id: str
    pages: tuple[SearchPage, ...]
    facets: Mapping[str, str]


def _apply(connection: Connection, changes: Sequence[SearchEntries]) -> None:
    last = {change.document_id: change for change in changes}
    for change in last.values():
        replace_document(connection, change.document_id, change.pages, change.facets)


register(_apply, SearchEntries)


@dataclass(frozen=True, slots=True)
class FieldFacets(Effect):
    """These values are the only ones of a document's fields that it is found by."""

    kind: ClassVar[str] = "index.fields"
    read_by_others: ClassVar[bool] = True

    document_id: str
    values: Mapping[str, str]
    """By the name of the field."""


def _apply_fields(connection: Connection, changes: Sequence[FieldFacets]) -> None:
    last = {change.document_id: change for change in changes}
    for change in last.values():
        replace_field_facets(connection, change.document_id, change.values)


register(_apply_fields, FieldFacets)

_FACET = "facet_"


def facet_attributes(facets: Mapping[str, str]) -> dict[str, str]:
    """Attributes of a record that say under which facets a document was indexed."""
    return {f"{_FACET}{key}": value for key, value in facets.items()}


def facet_values(attributes: Mapping[str, int | str]) -> dict[str, str]:
    """The facets that the attributes of a record name; records of earlier versions name none."""
    return {
        name.removeprefix(_FACET): str(value)
        for name, value in attributes.items()
        if name.startswith(_FACET)
    }
