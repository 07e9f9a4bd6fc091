"""The searchable PDF of a document as PDF/A-2b, with bookmarks, and values highlighted."""

from __future__ import annotations

import gzip
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from lineal.stages import Reject
from lineal_catalog.documents.made_renditions import RenditionMaker, RenditionSource

if TYPE_CHECKING:
    import pikepdf

    from lineal_consumers.ocr.archival.marks import PagePlace

_MAX_PAGES = 5_000


def make_archival_pdf(source: RenditionSource) -> bytes:
    """The PDF/A-2b of a document.

    Raises:
        Reject: it cannot be made one without a loss; says what would be lost.
    """
    result = orjson.loads(gzip.decompress(source.result))
    entities: list[dict[str, Any]] = []
    if source.analysis is not None:
        entities = orjson.loads(gzip.decompress(source.analysis))["entities"]
    with tempfile.TemporaryDirectory(prefix="lineal-typeset-") as scratch:
        path, pages, text = source.pdf, result["pages"], result["text"]
        if path is None:
            path, pages = _typeset(result, Path(scratch))
        return _archival(path, pages, text, entities, source.name)


def _typeset(result: dict[str, Any], scratch: Path) -> tuple[str, list[dict[str, Any]]]:
    """Text without pages of its own is set on some."""
    from lineal_consumers.ocr.archival.typesetting import typeset

    made = typeset(result)
    path = scratch / "typeset.pdf"
    path.write_bytes(made.pdf)
    return str(path), made.pages


def _archival(
    path: str,
    pages: list[dict[str, Any]],
    text: str,
    entities: list[dict[str, Any]],
    name: str,
) -> bytes:
    import pikepdf

    from lineal_consumers.ocr.archival.obstacles import find_obstacles
    from lineal_consumers.ocr.archival.repairs import make_conforming
    from lineal_consumers.ocr.archival.saving import save_options
    from lineal_consumers.ocr.archival.standard_fonts import embed_standard_fonts
    from lineal_consumers.ocr.pdf_files import close_pdf

    try:
        with pikepdf.open(path) as pdf:
            if len(pdf.pages) > _MAX_PAGES:
                raise Reject(f"it has more than {_MAX_PAGES} pages")
            embed_standard_fonts(pdf)
            obstacles = find_obstacles(pdf)
            if obstacles:
                raise Reject(f"PDF/A-2b would lose something: {'; '.join(obstacles)}")
            _add_marks(pdf, path, pages, text, entities)
            make_conforming(pdf, name)
            out = io.BytesIO()
            pdf.save(out, **save_options())
            return out.getvalue()
    except (pikepdf.PdfError, pikepdf.PasswordError) as error:
        raise Reject("the PDF is broken, or only some of it may be read") from error
    finally:
        close_pdf()


def _add_marks(
    pdf: pikepdf.Pdf,
    path: str,
    pages: list[dict[str, Any]],
    text: str,
    entities: list[dict[str, Any]],
) -> None:
    from lineal_consumers.ocr.archival.marks import (
        Highlighter,
        add_bookmarks,
        find_marks,
        page_bookmarks,
    )

    highlighter = Highlighter(pdf)
    parts = []
    for page in pages:
        index = page["number"] - 1
        if index >= len(pdf.pages):
            break
        place = _place(path, page["number"])
        if place is None:
            continue  # broken: nothing was read of it
        highlighter.add(pdf.pages[index], find_marks(page, entities), place)
        parts.append(page_bookmarks(page, text, index, place))
    add_bookmarks(pdf, parts)


def _place(path: str, number: int) -> PagePlace | None:
    import pypdfium2 as pdfium

    from lineal_consumers.ocr.archival.marks import PagePlace
    from lineal_consumers.ocr.page_geometry import user_space_from_seen
    from lineal_consumers.ocr.pdf_files import open_page

    try:
        with open_page(path, number) as page:
            return PagePlace(user_space_from_seen(page), *page.get_size())
    except (pdfium.PdfiumError, ZeroDivisionError):
        return None


ARCHIVAL_PDF = RenditionMaker("pdfa", "application/pdf", "pdf", make_archival_pdf)
