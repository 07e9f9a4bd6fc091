"""Limits of the number and size of a document's pictures that are recognised."""

from __future__ import annotations

from lineal_consumers.ocr.parsers.parsed import ParsedPage

MAX_PICTURE_BYTES = 64 * 1024 * 1024
"""One picture as it is stored in the document."""
_MAX_PICTURES = 200
_MAX_TOTAL_BYTES = 128 * 1024 * 1024


def has_room(page: ParsedPage) -> bool:
    """Whether a page may have one more picture."""
    held = sum(len(picture.data) for picture in page.pictures)
    return len(page.pictures) < _MAX_PICTURES and held < _MAX_TOTAL_BYTES
