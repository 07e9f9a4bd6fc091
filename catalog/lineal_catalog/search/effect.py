"""The effect of indexing a document's pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection
from lineal_catalog.search.entries import replace_document
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
