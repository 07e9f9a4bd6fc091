"""The stage that puts a document's pages into the search index."""

from __future__ import annotations

from lineal import Context, stage
from lineal_catalog.search.effect import FieldFacets, SearchEntries, facet_attributes
from lineal_catalog.search.page_split import pages_to_index
from lineal_schemas.documents import DocumentAnalyzed, DocumentIndexed
from lineal_schemas.fields import DocumentFieldsExtracted, FieldValues

_MAX_FACET = 200
"""Characters of a value by which a document is found; longer ones are found by their words."""


# The index is a projection: replaying the topic must write it again, so nothing is memoised.
@stage("index", version="1", produces=DocumentIndexed, memo=False)
async def index(document: DocumentAnalyzed, ctx: Context) -> DocumentIndexed:
    # The text object has all that is indexed. The result object has every word's box as well:
    # reading it would keep the event loop busy for seconds on a document of 2,000 pages.
    text = (await ctx.objects.get(document.text, role="text")).decode()
    pages = pages_to_index(text)
    facets = {"class": document.document_class, "language": document.language}
    if document.media_type is not None:
        facets["media_type"] = document.media_type
    ctx.add_effect(SearchEntries(document.document_id, tuple(pages), facets))
    # The record says what the index is to hold; `lineal verify` compares both.
    ctx.annotate(status="indexed", pages_with_text=len(pages), **facet_attributes(facets))
    return DocumentIndexed(document_id=document.document_id, pages=len(pages))


@index.on
async def fields(document: DocumentFieldsExtracted, ctx: Context) -> None:
    """Let a document be found by the values of its fields."""
    data = await ctx.objects.get(document.fields, role="fields")
    values = {
        field.name: field.value
        for field in FieldValues.model_validate_json(data).fields
        if field.value is not None and len(field.value) <= _MAX_FACET
    }
    ctx.add_effect(FieldFacets(document.document_id, values))
    # The values may be personal data: the record has only how many there are.
    ctx.annotate(indexed_fields=len(values))
