"""What was read of a document, and what people said of it, as the object store has it."""

from __future__ import annotations

import asyncio
from functools import partial

from lineal.errors import ObjectMissing
from lineal.lineage.record import Artifact
from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal_catalog.documents.renditions import ANALYSIS, FIELDS, find_renditions
from lineal_catalog.reviews.queries import (
    ReviewItem,
    UnknownReview,
)
from lineal_schemas.fields import FieldValues
from lineal_schemas.results import Analysis, TextResult
from lineal_schemas.reviews import (
    ReviewRequested,
    ReviewValue,
)

JSON = "application/json"


async def value_of(runtime: Runtime, sha256: str) -> ReviewValue | None:
    """A value that was said; None where it was erased."""
    try:
        data = await runtime.objects.get(reference(sha256, 0, JSON))
    except ObjectMissing:
        return None
    return ReviewValue.model_validate_json(data)


async def request_of(runtime: Runtime, item: ReviewItem) -> ReviewRequested:
    """What asked for an item.

    Raises:
        UnknownReview: it was erased.
    """
    try:
        data = await runtime.objects.get(reference(item.request, 0, JSON))
    except ObjectMissing as error:
        raise UnknownReview(f"what {item.item_id} is about was erased") from error
    return ReviewRequested.model_validate_json(data)


async def current_reading(
    runtime: Runtime, item: ReviewItem
) -> tuple[TextResult | None, str | None, list[Artifact]]:
    """The document as it was read, its class, and the objects that say so."""
    if (document_id := item.document_id) is None:
        return None, None, []
    found = await runtime.store.read(partial(find_renditions, document_id=document_id))
    result: TextResult | None = None
    name: str | None = None
    inputs = []
    if (stored := found.get("json")) is not None:
        data = await runtime.objects.get(reference(stored.sha256, stored.bytes, stored.media_type))
        result = await asyncio.to_thread(TextResult.from_gzip, data)
        inputs.append(stored)
    if (stored := found.get(ANALYSIS)) is not None:
        data = await runtime.objects.get(reference(stored.sha256, stored.bytes, stored.media_type))
        analysis = await asyncio.to_thread(Analysis.from_gzip, data)
        name = analysis.document_class.name
        inputs.append(stored)
    return result, name, inputs


async def extracted_fields(runtime: Runtime, document_id: str) -> FieldValues | None:
    """The declared fields of a document as they were extracted last; None where they were not, or
    not any more."""
    stored = (await runtime.store.read(partial(find_renditions, document_id=document_id))).get(
        FIELDS
    )
    if stored is None:
        return None
    try:
        data = await runtime.objects.get(reference(stored.sha256, stored.bytes, stored.media_type))
    except ObjectMissing:
        return None
    return FieldValues.model_validate_json(data)
