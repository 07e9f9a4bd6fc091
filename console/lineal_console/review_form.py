"""What somebody entered about an item, from the form of its page."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from pydantic import ValidationError
from starlette.datastructures import FormData

from lineal_catalog.reviews.correcting import machine_value
from lineal_catalog.reviews.queries import (
    ReviewItem,
)
from lineal_catalog.reviews.readings import current_reading, extracted_fields
from lineal_console.page_request import PageRequest
from lineal_schemas.fields import FieldValues
from lineal_schemas.results import Box, TextResult
from lineal_schemas.reviews import FieldValue, PageText, RedactionBox, ReviewValue, TableRows


async def extracted_of(request: PageRequest, item: ReviewItem) -> FieldValues | None:
    """The declared fields of its document, where they are to be looked at."""
    if item.target != "fields" or item.document_id is None:
        return None
    return await extracted_fields(request.runtime, item.document_id)


async def form_value(
    request: PageRequest, item: ReviewItem, form: FormData, *, all_parts: bool
) -> ReviewValue | None:
    """What the form says; None where it does not fit. Of an answer, only what the machine has
    otherwise, and what was asked about."""
    try:
        value = _value(form)
    except (ValidationError, ValueError):
        return None
    if all_parts:
        return value
    result, name, _ = await current_reading(request.runtime, item)
    extracted = await extracted_of(request, item)
    return await asyncio.to_thread(_changed, value, result, name, item, extracted)


def _value(form: FormData) -> ReviewValue:
    pages, tables, fields, boxes = [], [], [], []
    first_pages: tuple[int, ...] | None = None
    for name, given in form.multi_items():
        text = str(given).replace("\r\n", "\n")
        kind, _, rest = name.partition("-")
        if kind == "text":
            pages.append(PageText(page=int(rest), text=text))
        elif kind == "field":
            page, _, key = rest.partition("-")
            fields.append(FieldValue(page=int(page), key=key, value=text))
        elif kind == "table":
            page, _, place = rest.partition("-")
            rows = tuple(tuple(line.split("\t")) for line in text.split("\n"))
            tables.append(TableRows(page=int(page), table=int(place), rows=rows))
        elif name == "first-pages" and text.strip():
            first_pages = tuple(int(part) for part in text.replace(",", " ").split())
        elif kind == "box" and text:
            number, *sides = (float(part) for part in text.split(","))
            boxes.append(RedactionBox(page=int(number), box=Box(*sides)))
    return ReviewValue(
        document_class=str(form.get("class", "")).strip() or None,
        pages=tuple(pages),
        fields=tuple(fields),
        tables=tuple(tables),
        redactions=tuple(boxes) if boxes else None,
        first_pages=first_pages,
        verdict=cast(Any, form.get("verdict") or None),
        fault=_fault(form),
        comment=str(form.get("comment", "")).strip() or None,
    )


def _fault(form: FormData) -> str | None:
    if form.get("verdict") != "anomaly":
        return None
    return str(form.get("fault", "")).strip().lower() or None


def _changed(
    value: ReviewValue,
    result: TextResult | None,
    name: str | None,
    item: ReviewItem,
    extracted: FieldValues | None,
) -> ReviewValue:
    now = machine_value(result, name, value, extracted)
    texts = {page.page: page.text for page in now.pages}
    fields = {(each.page, each.key): each.value for each in now.fields}
    known = {key for _, key in fields}
    tables = {(each.page, each.table): each.rows for each in now.tables}
    asked = item.target
    return value.model_copy(
        update={
            "document_class": value.document_class
            if asked == "class" or value.document_class != name
            else None,
            "pages": tuple(
                page for page in value.pages if asked == "text" or page.text != texts.get(page.page)
            ),
            "fields": tuple(
                each
                for each in value.fields
                # What was left empty, as the machine had it, is not said to be absent.
                if (asked == "fields" and (each.value or each.key in known))
                or each.value != fields.get((each.page, each.key), "")
            ),
            "tables": tuple(
                each
                for each in value.tables
                if asked == "tables" or each.rows != tables.get((each.page, each.table))
            ),
        }
    )
