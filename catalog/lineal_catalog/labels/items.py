"""What can be labelled, by how people name it: documents, pages, ranges of a device's readings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from functools import partial

from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import find_document
from lineal_catalog.documents.renditions import find_renditions
from lineal_catalog.labels.acts import WrongLabel
from lineal_schemas.labels import LabelItem
from lineal_schemas.results import TextResult

_PAGE = re.compile(r"(?P<of>.+)#page=(?P<page>[1-9]\d{0,6})")
_RANGE = re.compile(
    r"(?P<of>[A-Za-z0-9][A-Za-z0-9_.-]{0,63})#t=(?P<from>\d{1,18}),(?P<to>\d{1,18})"
)


def item_of(connection: Connection, name: str, names: Collection[str] | None = None) -> LabelItem:
    """The item of a name: ``DOCUMENT``, ``DOCUMENT#page=3`` or ``DEVICE#t=FROM,TO``. A document can
    be named by a beginning of its id or by its name.

    Raises:
        UnknownDocument
        WrongLabel: the range ends before it begins.
    """
    if (found := _RANGE.fullmatch(name)) is not None:
        if int(found["to"]) <= int(found["from"]):
            raise WrongLabel(f"{name} ends before it begins")
        return LabelItem(item=name, subject=f"device:{found['of']}")
    page = _PAGE.fullmatch(name)
    info = find_document(connection, name if page is None else page["of"], names=names)
    item = info.document_id if page is None else f"{info.document_id}#page={page['page']}"
    return LabelItem(item=item, subject=DOCUMENT + info.document_id)


def range_of(name: str) -> tuple[str, int, int] | None:
    """The device, begin and end of ``DEVICE#t=FROM,TO``, in microseconds since the Unix epoch; None
    for another kind of item."""
    found = _RANGE.fullmatch(name)
    return None if found is None else (found["of"], int(found["from"]), int(found["to"]))


async def with_sizes(runtime: Runtime, items: Collection[LabelItem]) -> list[LabelItem]:
    """Items that say how large their page is, where that is known; a whole document's is that of
    its only page."""
    found: list[LabelItem] = []
    sizes: dict[str, dict[int, tuple[float, float]]] = {}
    for item in items:
        document_id = item.subject.removeprefix(DOCUMENT)
        if item.width or document_id == item.subject:
            found.append(item)
            continue
        if document_id not in sizes:
            sizes[document_id] = await page_sizes(runtime, document_id)
        known = sizes[document_id]
        page = _PAGE.fullmatch(item.item)
        number = int(page["page"]) if page is not None else (1 if len(known) == 1 else 0)
        width, height = known.get(number, (0.0, 0.0))
        found.append(item.model_copy(update={"width": width, "height": height}))
    return found


async def page_sizes(runtime: Runtime, document_id: str) -> dict[int, tuple[float, float]]:
    """The sizes of a document's pages by number, in points; empty before it was read."""
    forms = await runtime.store.read(partial(find_renditions, document_id=document_id))
    stored = forms.get("json")
    if stored is None:
        return {}
    data = await runtime.objects.get(reference(stored.sha256, stored.bytes, stored.media_type))
    result = await asyncio.to_thread(TextResult.from_gzip, data)
    return {page.number: (page.width, page.height) for page in result.pages}
