"""What a person says of one document: tags, correspondent, date, labels, and its type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lineal.runtime import Runtime
from lineal_catalog.documents.describing import UnfitLabel, describe
from lineal_catalog.reviews.field_corrections import correct_class
from lineal_catalog.reviews.reviewer import Reviewer

TYPE = "type"
"""The label that is the class: saying it answers a review of the class."""


async def correct_description(
    runtime: Runtime,
    document_id: str,
    who: Reviewer,
    source: str,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> str:
    """Give a document tags and labels, or take them away; ``type`` corrects its class.

    Returns:
        The id of the event, or where only the type is said, of the review's item.

    Raises:
        NotPermitted: they may not.
        UnfitLabel: a name means something else, or a type is taken away.
        UnknownReview, NotCorrected, ReviewConflict: the type cannot be said now.
        ValidationError: a name or value is not as it has to be, or nothing is said.
    """
    said = dict(labels or {})
    type_ = said.pop(TYPE, None)
    if type_ is not None and not type_.strip():
        raise UnfitLabel("every document is of a type: say which, as type=letter")
    event = None
    if add or remove or said or type_ is None:
        [event] = await describe(
            runtime, [document_id], who.by, source, add=add, remove=remove, labels=said
        )
    if type_ is None:
        assert event is not None
        return event
    answer = await correct_class(runtime, document_id, type_.strip(), who)
    return event or answer.item
