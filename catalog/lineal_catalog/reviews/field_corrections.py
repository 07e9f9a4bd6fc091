"""Corrects a document's class or fields without waiting for the machine to ask: a review in one
act."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Literal

from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal_catalog.documents.renditions import ANALYSIS, FIELDS, find_renditions
from lineal_catalog.reviews.acts import request_review
from lineal_catalog.reviews.answers import complete
from lineal_catalog.reviews.item_state import DecidedBefore
from lineal_catalog.reviews.queries import UnknownReview
from lineal_catalog.reviews.readings import extracted_fields
from lineal_catalog.reviews.reviewer import Reviewer, find
from lineal_schemas.ids import review_item_id
from lineal_schemas.reviews import FieldValue, ReviewCompleted, ReviewOpinion, ReviewValue

_LOOK_SECONDS = 0.1


class UnknownField(LinealError, LookupError):
    """No field of this name is declared for the document's class; says which are."""


class NotCorrected(LinealError, TimeoutError):
    """The stages that a correction goes through do not run."""


async def correct_fields(
    runtime: Runtime,
    document_id: str,
    values: Mapping[str, str],
    who: Reviewer,
    *,
    seconds: float = 20.0,
) -> ReviewCompleted | ReviewOpinion:
    """Say what the values of fields are; an empty text: the document has no such value.

    It is an answer to a review of the document's fields, which is asked for where none waits. An
    answer that was given before is waited for until the machine has taken it in.

    Args:
        seconds: how long to wait for the stages.

    Raises:
        NotPermitted
        UnknownField
        UnknownReview: the document has no fields yet.
        NotCorrected: the stages did nothing for so long.
        ReviewConflict: somebody else works on it.
    """
    who.by.require("review")
    extracted = await extracted_fields(runtime, document_id)
    if extracted is None:
        raise UnknownReview(
            f"no fields of document {document_id} were extracted: `lineal field list` names the "
            "classes that have some"
        )
    declared = [field.name for field in extracted.fields]
    for name in values:
        if name not in declared:
            raise UnknownField(
                f"{extracted.document_class} has no field {name!r}: {', '.join(declared)}"
            )
    value = ReviewValue(
        fields=tuple(FieldValue(page=1, key=key, value=text) for key, text in values.items())
    )
    return await _answered(runtime, document_id, "fields", FIELDS, value, who, seconds)


async def correct_class(
    runtime: Runtime, document_id: str, name: str, who: Reviewer, *, seconds: float = 20.0
) -> ReviewCompleted | ReviewOpinion:
    """Say what a document is: its class is corrected from now on, and learnt from.

    Args:
        seconds: how long to wait for the stages.

    Raises:
        NotPermitted
        UnknownReview: the document was not read yet.
        NotCorrected: the stages did nothing for so long.
        ReviewConflict: somebody else works on it.
        ValidationError: a class has no name, or one of more than 100 characters.
    """
    who.by.require("review")
    value = ReviewValue(document_class=name)
    return await _answered(runtime, document_id, "class", ANALYSIS, value, who, seconds)


async def _answered(
    runtime: Runtime,
    document_id: str,
    target: Literal["class", "fields"],
    rendition: str,
    value: ReviewValue,
    who: Reviewer,
    seconds: float,
) -> ReviewCompleted | ReviewOpinion:
    """The answer to the review of what the machine has made, which is asked for where none
    waits."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    asked: dict[str, str] = {}  # of fields by their digest: the item that was asked for
    while True:
        found = await runtime.store.read(partial(find_renditions, document_id=document_id))
        if rendition not in found:
            raise UnknownReview(f"document {document_id} was not read yet: say later what it is")
        basis = found[rendition].sha256
        first = review_item_id(f"document:{document_id}", target, "", basis)
        item = asked.get(basis, first)
        try:
            await find(runtime, item, who)
            return await complete(runtime, item, value, who)
        except UnknownReview:
            if basis not in asked:
                asked[basis] = (await request_review(runtime, document_id, target, who)).item
        except DecidedBefore as error:
            # It is being made again of a correction. Of a confirmation nothing is made.
            if basis not in asked and error.details["outcome"] == "confirmed":
                asked[basis] = (await request_review(runtime, document_id, target, who)).item
        if loop.time() > deadline:
            raise NotCorrected(
                "the stages `review`, `nlp` and `fields` have not answered: `lineal up` runs them"
            )
        await asyncio.sleep(_LOOK_SECONDS)
        await runtime.flush_ledger()
