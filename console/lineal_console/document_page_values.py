"""What the template of one page of a document needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from lineal_catalog.pages.find import boxes_of_places
from lineal_catalog.pages.view import StoredPages
from lineal_schemas.fields import FieldValues

_MAX_WORDS = 6000
"""Boxes drawn on a page; of a page with more words those of the rest are left out."""


async def page_values(
    pages: StoredPages | None,
    analysis: bytes | None,
    fields: bytes | None,
    number: int,
    find: str,
    given_boxes: Sequence[Sequence[float]] = (),
) -> dict[str, Any]:
    """The values of the template ``document_page.html``.

    Args:
        analysis: the gzipped Analysis.
        fields: those that are declared for the document's class, as JSON.
        number: of the page, from 1.
        find: what is searched for on it.
        given_boxes: further places to mark, in fractions of the page.
    """
    view = None
    if pages is not None:
        view = await asyncio.to_thread(pages.view, analysis, number)
    if view is not None and fields is not None:
        declared = _declared_fields(fields, number)
        # A person's correction stands among what was read of the page too.
        named = {(field["key"], field["value"]) for field in declared}
        view["fields"] = [
            *declared,
            *(pair for pair in view["fields"] if (pair["key"], pair["value"]) not in named),
        ]
    if view is None:
        return {"view": None, "number": number, "find": find, "boxes": [],
                "drawn_page": False, "ratio": 1414}  # fmt: skip
    boxes = [*given_boxes, *(boxes_of_places(view, find) if find else [])]
    height, width = view["height"], view["width"]
    return {
        "view": view | {"words": view["words"][:_MAX_WORDS]},
        "number": number,
        "find": find,
        "boxes": boxes,
        # What has no pages (a mail, a sheet) is shown as its text.
        "drawn_page": bool(height and width),
        # Of the drawing, whose width is 1000; a page without a size is shown as a sheet of A4.
        "ratio": round(1000 * height / width) if height and width else 1414,
    }


def _declared_fields(stored: bytes, number: int) -> list[dict[str, Any]]:
    """The declared fields whose values stand on a page, as the template shows pairs of a form;
    with the first page those of which it is not known where they stand."""
    return [
        {
            "key": field.name,
            "value": field.value,
            "confidence": field.confidence,
            "key_box": None,
            "value_box": box and [box.left, box.top, box.width, box.height],
        }
        for field in FieldValues.model_validate_json(stored).fields
        for box in [field.box]
        if field.value is not None and (1 if box is None else box.page) == number
    ]
