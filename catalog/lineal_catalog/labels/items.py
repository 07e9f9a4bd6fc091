"""What can be labelled, by how people name it: documents, pages, photos of a line, ranges of a
device's readings."""

from __future__ import annotations

import asyncio
import io
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
from lineal_catalog.photos.projection import PHOTO, find_photo, list_photos
from lineal_schemas.labels import LabelItem
from lineal_schemas.results import TextResult

_PAGE = re.compile(r"(?P<of>.+)#page=(?P<page>[1-9]\d{0,6})")
_RANGE = re.compile(
    r"(?P<of>[A-Za-z0-9][A-Za-z0-9_.-]{0,63})#t=(?P<from>\d{1,18}),(?P<to>\d{1,18})"
)
_MAX_PHOTOS = 100_000
_PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_ORIENTATION, _LYING = 0x0112, (5, 6, 7, 8)
"""The tag of EXIF, and its values of pictures that are shown turned by a quarter."""


def item_of(connection: Connection, name: str, names: Collection[str] | None = None) -> LabelItem:
    """The item of a name: ``DOCUMENT``, ``DOCUMENT#page=3``, ``photo:ID`` or ``DEVICE#t=FROM,TO``.
    A document can be named by a beginning of its id or by its name.

    Raises:
        UnknownDocument, UnknownPhoto
        WrongLabel: the range ends before it begins.
    """
    if (found := _RANGE.fullmatch(name)) is not None:
        if int(found["to"]) <= int(found["from"]):
            raise WrongLabel(f"{name} ends before it begins")
        return LabelItem(item=name, subject=f"device:{found['of']}")
    if name.startswith(PHOTO):
        photo = find_photo(connection, name.removeprefix(PHOTO), names=names)
        return LabelItem(item=PHOTO + photo.photo_id, subject=PHOTO + photo.photo_id)
    page = _PAGE.fullmatch(name)
    info = find_document(connection, name if page is None else page["of"], names=names)
    item = info.document_id if page is None else f"{info.document_id}#page={page['page']}"
    return LabelItem(item=item, subject=DOCUMENT + info.document_id)


def unverified_photos(connection: Connection, names: Collection[str] | None = None) -> list[str]:
    """The names of all photos of which nobody has said yet what they show, the oldest first.

    Args:
        names: of who asks, who is given only what they may see; None: an owner.
    """
    found = list_photos(connection, names=names, unverified=True, limit=_MAX_PHOTOS)
    return [PHOTO + photo.photo_id for photo in reversed(found)]


def range_of(name: str) -> tuple[str, int, int] | None:
    """The device, begin and end of ``DEVICE#t=FROM,TO``, in microseconds since the Unix epoch; None
    for another kind of item."""
    found = _RANGE.fullmatch(name)
    return None if found is None else (found["of"], int(found["from"]), int(found["to"]))


async def with_sizes(runtime: Runtime, items: Collection[LabelItem]) -> list[LabelItem]:
    """Items that say how large their page or photo is, where that is known; a whole document's is
    that of its only page."""
    found: list[LabelItem] = []
    sizes: dict[str, dict[int, tuple[float, float]]] = {}
    for item in items:
        document_id = item.subject.removeprefix(DOCUMENT)
        if item.subject.startswith(PHOTO) and not item.width:
            width, height = await _photo_size(runtime, item.subject.removeprefix(PHOTO))
            found.append(item.model_copy(update={"width": width, "height": height}))
            continue
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


async def _photo_size(runtime: Runtime, photo_id: str) -> tuple[float, float]:
    """Pixels across and down as a photo is shown, by its header; zeros where that says nothing."""
    photo = await runtime.store.read(partial(find_photo, photo_id=photo_id))
    data = await runtime.objects.get(reference(photo.sha256, photo.bytes, photo.media_type))
    return await asyncio.to_thread(_shown_size, data)


def _shown_size(data: bytes) -> tuple[float, float]:
    try:
        from PIL import Image
    except ImportError:  # lineal[images] is not installed
        return 0, 0
    try:
        with Image.open(io.BytesIO(data), formats=_PHOTO_FORMATS) as header:
            width, height = header.size
            turned = header.getexif().get(_ORIENTATION, 1) in _LYING
    except Exception:  # of damaged files each fails its own way
        return 0, 0
    return (height, width) if turned else (width, height)


async def page_sizes(runtime: Runtime, document_id: str) -> dict[int, tuple[float, float]]:
    """The sizes of a document's pages by number, in points; empty before it was read."""
    forms = await runtime.store.read(partial(find_renditions, document_id=document_id))
    stored = forms.get("json")
    if stored is None:
        return {}
    data = await runtime.objects.get(reference(stored.sha256, stored.bytes, stored.media_type))
    result = await asyncio.to_thread(TextResult.from_gzip, data)
    return {page.number: (page.width, page.height) for page in result.pages}
