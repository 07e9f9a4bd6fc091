"""Boxes that a person wants redacted, as the request for a copy names them."""

from __future__ import annotations

from lineal.errors import LinealError
from lineal_schemas.documents import DocumentRedactionRequested, PageBox
from lineal_schemas.reviews import RedactionBox, ReviewCompleted, ReviewValue
from lineal_schemas.salt import derived_salt

_MAX_REASON = 2000


class WrongBox(LinealError, ValueError):
    """A box to redact has no part on its page."""


def redaction_boxes(value: ReviewValue) -> tuple[PageBox, ...]:
    """The parts of pages that are to go; what lies beyond the edge of a page is left out.

    Raises:
        WrongBox
    """
    return tuple(_on_page(each) for each in value.redactions or ())


def redaction_of(
    answer: ReviewCompleted, document_id: str, value: ReviewValue
) -> DocumentRedactionRequested | None:
    """The request for a copy that follows from an answer: the same each time it is made. None where
    nothing is to be redacted.

    Raises:
        WrongBox
    """
    boxes = redaction_boxes(value)
    if not boxes:
        return None
    reasons = dict.fromkeys(each.reason for each in value.redactions or () if each.reason)
    reason = "; ".join(reasons) or value.comment or "a person said so in a review"
    return DocumentRedactionRequested(
        document_id=document_id,
        boxes=boxes,
        reason=reason[:_MAX_REASON],
        by=answer.by,
        requested_us=answer.decided_us,
        salt=derived_salt(value.salt, "redaction"),
    )


def _on_page(wanted: RedactionBox) -> PageBox:
    left, top, width, height = wanted.box
    right, bottom = min(left + width, 1.0), min(top + height, 1.0)
    left, top = max(left, 0.0), max(top, 0.0)
    if not (left < right and top < bottom):
        raise WrongBox(
            f"a box to redact on page {wanted.page} lies beside it: its left, top, width and "
            "height are fractions of the page, from 0 to 1"
        )
    return PageBox(page=wanted.page, left=left, top=top, width=right - left, height=bottom - top)
