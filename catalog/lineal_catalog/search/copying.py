"""Bringing the search index to another store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lineal.lineage.projections import Projection
from lineal.store.connection import Connection, Store
from lineal.store.objects import ObjectStore, reference
from lineal.store.page_split import pages_to_index
from lineal.store.search import replace_document
from lineal_catalog.documents.renditions import find_renditions


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    """Index each document's text anew: every store has an index of its own kind."""
    indexed = await source.read(_facets)
    there = await target.read(_facets)
    for document_id, facets in indexed.items():
        if there.get(document_id) == facets:
            continue
        found = await source.read(partial(find_renditions, document_id=document_id))
        text = found.get("text")
        if text is None:
            continue
        ref = reference(text.sha256, text.bytes, text.media_type)
        pages = pages_to_index((await objects.get(ref)).decode())
        write = partial(replace_document, document_id=document_id, pages=pages, facets=facets)
        await target.write(write)
        progress(1)


def _facets(connection: Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for document_id, key, value in connection.execute(
        "SELECT document_id, key, value FROM search_facets"
    ):
        found.setdefault(document_id, {})[key] = value
    return found


SEARCH = Projection("documents in the search index", (), copy=_copy)
