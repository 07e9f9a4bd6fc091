"""Begins a correction of a document that nobody was asked about: a review that is taken at once."""

from __future__ import annotations

import asyncio
from functools import partial

from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal_catalog.documents.renditions import FIELDS, find_renditions
from lineal_catalog.reviews.acts import request_review, take
from lineal_catalog.reviews.queries import Filter, ReviewItem, UnknownReview, list_reviews
from lineal_catalog.reviews.reviewer import Reviewer, find
from lineal_schemas.envelope import now_us

_LOOK_SECONDS = 0.1


class NoReviewStage(LinealError, TimeoutError):
    """The stage that puts items into the queue does not run."""


async def begin_correction(
    runtime: Runtime, document_id: str, who: Reviewer, *, seconds: float = 10.0
) -> ReviewItem:
    """Take the item that waits about a document, or ask for one of its fields or its text.

    Args:
        seconds: how long to wait for the stage ``review``.

    Raises:
        NotPermitted
        UnknownReview: the document has not been read yet.
        ReviewConflict: somebody else works on it.
        NoReviewStage: nothing came into the queue for so long.
    """
    who.by.require("review")
    await runtime.flush_ledger()
    waiting = await runtime.store.read(
        partial(
            list_reviews,
            now=now_us(),
            wanted=Filter(subject=f"document:{document_id}"),
            names=who.names,
        )
    )
    if waiting:
        # Of its fields first: the page of an item about them shows all that was read as well.
        best = min(waiting, key=lambda item: (item.target != FIELDS, item.created))
        return await take(runtime, best.item_id, who)
    found = await runtime.store.read(partial(find_renditions, document_id=document_id))
    target = FIELDS if FIELDS in found else "text"
    requested = await request_review(runtime, document_id, target, who)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        await runtime.flush_ledger()
        try:
            await find(runtime, requested.item, who)
            return await take(runtime, requested.item, who)
        except UnknownReview as error:
            if loop.time() > deadline:
                raise NoReviewStage(
                    "the stage `review` has not answered: `lineal up` runs it"
                ) from error
        await asyncio.sleep(_LOOK_SECONDS)
