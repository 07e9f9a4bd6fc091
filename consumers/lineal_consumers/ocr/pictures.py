"""Recognises the pictures on pages of parsed documents, and adds their text to these pages."""

from __future__ import annotations

import tempfile
import time
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from lineal.stages import Reject
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.parsers.parsed import Parsed, ParsedPage, Picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineal_consumers.ocr.page_raster import Raster
    from lineal_schemas.results import Page

_SHARE_OF_TIME = 0.5
"""Of the time limit of the part: what there is no time for is a doubt."""
_MIN_SIDE = 24
_MIN_PIXELS = 3_000
"""Smaller pictures are bullets and the like: no line of text has room there."""
_FEW_WORDS = 3
"""A photograph or a logo of so few words is not doubted for what could not be read of it."""
_DRAWING, _BEGIN = b"<svg", 4096
_METAFILES = {b"\xd7\xcd\xc6\x9a": "WMF", b"\x01\x00\x09\x00": "WMF", b"\x01\x00\x00\x00": "EMF"}


class _Read(NamedTuple):
    text: str
    doubts: tuple[str, ...]


def add_pictures(
    parsed: Parsed, config: OcrConfig, recognize: Callable[[Raster], tuple[str, Page]]
) -> bool:
    """Add the text of each picture behind that of its page; what cannot be read is a doubt there.

    Args:
        recognize: reads one page image.

    Returns:
        whether there was any to recognise.
    """
    until = time.monotonic() + config.page_seconds * _SHARE_OF_TIME
    known: dict[bytes, _Read] = {}
    recognized = False
    for page in parsed.pages:
        texts = [page.text]
        for picture in page.pictures:
            digest = sha256(picture.data).digest()
            if digest not in known:
                if time.monotonic() > until:
                    page.doubt("there was no time for all pictures of the document")
                    break
                known[digest] = _read(picture, config, recognize)
                recognized = recognized or _DRAWING not in picture.data[:_BEGIN]
            _add(known[digest], picture, page, texts)
        page.text = "\n\n".join(texts)
    return recognized


def _add(read: _Read, picture: Picture, page: ParsedPage, texts: list[str]) -> None:
    if read.text.strip():
        texts.append(read.text.strip())
    for doubt in read.doubts:
        page.doubt(f"picture {picture.name}: {doubt}")


def _read(
    picture: Picture, config: OcrConfig, recognize: Callable[[Raster], tuple[str, Page]]
) -> _Read:
    from lineal_consumers.ocr.image_files import open_frame
    from lineal_consumers.ocr.page_raster import decode_frame

    if _DRAWING in picture.data[:_BEGIN]:
        return _read_drawing(picture.data)
    with tempfile.NamedTemporaryFile() as file:
        file.write(picture.data)
        file.flush()
        try:
            with open_frame(file.name, 1) as image:
                if min(image.size) < _MIN_SIDE or image.width * image.height < _MIN_PIXELS:
                    return _Read("", ())
            raster = decode_frame(file.name, 1, config)
        except Reject as error:
            return _Read("", (_format_doubt(picture.data) or str(error),))
    text, page = recognize(raster)
    return _Read(text, page.doubts if len(text.split()) > _FEW_WORDS else ())


def _format_doubt(data: bytes) -> str | None:
    for begin, name in _METAFILES.items():
        if data.startswith(begin):
            return f"pictures in the format {name} are not read"
    return None


def _read_drawing(data: bytes) -> _Read:
    """The text of an SVG; letters that are drawn as curves are not read."""
    from lineal_consumers.ocr.parsers.html import html_page

    page, _, _ = html_page(data)
    doubts = () if page.text.strip() else ("nothing is text in this drawing in the format SVG",)
    return _Read(page.text, doubts)
