"""Reads the values of XFA forms, and notes a doubt where the pages show nothing but a notice.

A dynamic form's pages are made by Adobe's programs when they open it; the file's own page says
"please wait". Source: XFA Specification 3.3, 2 (packets: ``datasets``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lineal_consumers.ocr.pdf_files import open_objects, open_pdf
from lineal_schemas.results import KeyValue, Page

SHELL = "the form is dynamic XFA: its pages are not in the file, only the values filled in"
_DATA = "{http://www.xfa.org/schema/xfa-data/1.0/}data"
_MAX_BYTES = 16 << 20
_MAX_VALUES = 5_000


def with_form_data(path: str, text: str, page: Page) -> tuple[str, Page]:
    """The first page of a document, with the values of its dynamic form where it is one."""
    import pypdfium2.raw as raw

    if open_pdf(path).get_formtype() not in (
        raw.FORMTYPE_XFA_FULL,
        raw.FORMTYPE_XFA_FOREGROUND,
    ):
        return text, page
    values, dynamic = _read(path)
    if not dynamic:
        return text, page
    pairs = [
        KeyValue(key=key, value=value, confidence=1.0) for key, value in values if value not in text
    ]
    added = "\n".join(f"{pair.key}: {pair.value}" for pair in pairs)
    text = "\n\n".join(part for part in (text, added) if part)
    return text, page.model_copy(
        update={
            "end": page.begin + len(text),
            "key_values": (*page.key_values, *pairs),
            "doubts": (*page.doubts, SHELL),
        }
    )


def _read(path: str) -> tuple[list[tuple[str, str]], bool]:
    """The values, and whether the form has no fields of its own on its pages."""
    import pikepdf
    from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
    from defusedxml.ElementTree import ParseError, fromstring  # type: ignore[import-untyped]

    document = open_objects(path)
    if document is None:
        return [], True
    try:
        form = document.Root.get("/AcroForm")
        if not isinstance(form, pikepdf.Dictionary):
            return [], False
        rendering = bool(document.Root.get("/NeedsRendering", False))
        dynamic = rendering or not form.get("/Fields")
        data = _packets(form.get("/XFA"))
    except pikepdf.PdfError:
        return [], True
    try:
        root = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError):
        return [], dynamic
    found = root if root.tag == _DATA else root.find(f".//{_DATA}")
    return ([] if found is None else list(_leaves(found))[:_MAX_VALUES]), dynamic


def _packets(stored: Any) -> bytes:
    """The XML of a form: one stream, or pairs of names and streams that follow one another."""
    import pikepdf

    streams = list(stored)[1::2] if isinstance(stored, pikepdf.Array) else [stored]
    pieces: list[bytes] = []
    size = 0
    for stream in streams:
        if not isinstance(stream, pikepdf.Stream):
            continue
        pieces.append(stream.read_bytes())
        size += len(pieces[-1])
        if size > _MAX_BYTES:
            return b""
    return b"".join(pieces)


def _leaves(element: Any) -> Iterator[tuple[str, str]]:
    for child in element:
        if len(child):
            yield from _leaves(child)
        elif child.text and child.text.strip():
            yield child.tag.rsplit("}", 1)[-1], " ".join(child.text.split())
