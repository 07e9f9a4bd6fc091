"""Reading a part of a document: what a worker process is asked to do."""

from __future__ import annotations

import gzip
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from lineal_consumers.ocr.config import OcrConfig
from lineal_schemas.documents import DocumentKind, PageRange
from lineal_schemas.results import PAGE_SEPARATOR, Engine, Page, TextResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineal_consumers.ocr.page_raster import Raster

_FAST = 1
"""Parts are read once and then joined, so they are compressed for speed and not for size."""


def read_part(path: str, kind: DocumentKind, pages: PageRange, config: OcrConfig) -> bytes:
    """Read some pages of a file.

    Returns:
        a gzipped :class:`TextResult` of these pages, offsets counted from its own text.

    Raises:
        Reject: the file cannot be read; a single broken page of a PDF is only doubtful.
    """
    if kind == "pdf":
        result = _read_pdf(path, pages, config)
    elif kind == "image":
        result = _read_image(path, pages, config)
    else:
        result = _read_parsed(path, kind, pages, config)
    return gzip.compress(result.model_dump_json().encode(), compresslevel=_FAST, mtime=0)


def _read_pdf(path: str, pages: PageRange, config: OcrConfig) -> TextResult:
    read = _recognized_pdf_page if pages.method == "ocr" else _text_layer_page
    engine = _tesseract(config) if pages.method == "ocr" else _pdfium()
    return _joined(pages, engine, lambda number, at: read(path, number, at, config))


def _read_image(path: str, pages: PageRange, config: OcrConfig) -> TextResult:
    from lineal_consumers.ocr.page_raster import decode_frame

    return _joined(
        pages,
        _tesseract(config),
        lambda number, at: _recognized(decode_frame(path, number, config), number, at, config),
    )


def _read_parsed(path: str, kind: DocumentKind, pages: PageRange, config: OcrConfig) -> TextResult:
    from lineal_consumers.ocr.parsers import parse_pages
    from lineal_consumers.ocr.pictures import add_pictures

    parsed = parse_pages(Path(path), kind, pages)
    if add_pictures(parsed, config, lambda raster: _recognized(raster, 1, 0, config)):
        parsed.engines.append(_tesseract(config))
    return parsed.result(first=pages.first)


def _joined(
    pages: PageRange, engine: Engine, read: Callable[[int, int], tuple[str, Page]]
) -> TextResult:
    texts: list[str] = []
    made: list[Page] = []
    offset = 0
    for number in range(pages.first, pages.last + 1):
        text, page = read(number, offset)
        texts.append(text)
        made.append(page)
        offset += len(text) + len(PAGE_SEPARATOR)
    languages = dict.fromkeys(page.language for page in made if page.language)
    engines = tuple(engine.model_copy(update={"language": name}) for name in languages)
    return TextResult.model_construct(
        engines=engines or (engine,), text=PAGE_SEPARATOR.join(texts), pages=tuple(made)
    )


def _text_layer_page(path: str, number: int, offset: int, config: OcrConfig) -> tuple[str, Page]:
    import pypdfium2 as pdfium

    from lineal_consumers.ocr.form_fields import field_key_values, field_lines, form_fields
    from lineal_consumers.ocr.key_values import key_values
    from lineal_consumers.ocr.layout import Frame, page_text
    from lineal_consumers.ocr.pdf_files import open_page
    from lineal_consumers.ocr.rulings import drawn_rulings
    from lineal_consumers.ocr.tables import ruled_tables
    from lineal_consumers.ocr.text_layer import text_layer_lines

    try:
        with open_page(path, number) as page:
            width, height = page.get_size()
            lines = text_layer_lines(page)
            across, down = drawn_rulings(page)
            fields = form_fields(page)
    except (pdfium.PdfiumError, ZeroDivisionError):
        return _unreadable(number, offset, "text-layer")
    frame = Frame(width, height)
    words = [word for line in lines for word in line.words]
    tables = ruled_tables(across, down, words, frame)
    pairs = (
        *key_values(lines, frame),
        *field_key_values(fields, frame),
    )
    text, placed = page_text([*lines, *field_lines(fields)], width, height, offset)
    return text, Page.model_construct(
        number=number,
        begin=offset,
        end=offset + len(text),
        width=width,
        height=height,
        source="text-layer",
        words=placed,
        key_values=pairs,
        tables=tables,
    )


def _recognized_pdf_page(
    path: str, number: int, offset: int, config: OcrConfig
) -> tuple[str, Page]:
    import pypdfium2 as pdfium

    from lineal_consumers.ocr.form_fields import field_key_values, form_fields
    from lineal_consumers.ocr.layout import Frame
    from lineal_consumers.ocr.page_geometry import quarter_turns
    from lineal_consumers.ocr.page_raster import render_page
    from lineal_consumers.ocr.pdf_files import open_page

    try:
        with open_page(path, number) as page:
            raster = render_page(page, config)
            fields = form_fields(page)
    except (pdfium.PdfiumError, ZeroDivisionError):
        return _unreadable(number, offset, "ocr")
    text, result = _recognized(raster, number, offset, config)
    if not fields:
        return text, result
    # What was typed into a scanned form is drawn, and so recognised; its names are not.
    upright = quarter_turns(result.rotation, raster.width, raster.height)
    pairs = field_key_values(fields, Frame(result.width, result.height, upright))
    return text, result.model_copy(update={"key_values": (*result.key_values, *pairs)})


def _recognized(raster: Raster, number: int, offset: int, config: OcrConfig) -> tuple[str, Page]:
    from lineal_consumers.ocr.key_values import key_values
    from lineal_consumers.ocr.language_choice import recognize_in_its_language
    from lineal_consumers.ocr.layout import Frame, page_text
    from lineal_consumers.ocr.rulings import scanned_rulings
    from lineal_consumers.ocr.tables import ruled_tables

    try:
        seen, language = recognize_in_its_language(raster, config)
    except TimeoutError:
        return _unreadable(number, offset, "ocr", "recognition of the page takes too long")
    frame = Frame(seen.width, seen.height, seen.unskew)
    across, down = scanned_rulings(seen.straight, seen.pixel)
    straight_words = [word for line in seen.straight_lines for word in line.words]
    text, words = page_text(seen.lines, seen.width, seen.height, offset)
    return text, Page.model_construct(
        number=number,
        begin=offset,
        end=offset + len(text),
        width=round(seen.width, 2),
        height=round(seen.height, 2),
        source="ocr",
        dpi=raster.dpi,
        rotation=seen.rotation,
        skew=seen.skew,
        language=language,
        quality=seen.quality,
        words=words,
        key_values=key_values(seen.straight_lines, frame),
        tables=ruled_tables(across, down, straight_words, frame),
        doubts=seen.doubts,
    )


def _unreadable(
    number: int,
    offset: int,
    method: str,
    why: str = "the page is broken and could not be read",
) -> tuple[str, Page]:
    return "", Page.model_validate(
        {
            "number": number,
            "begin": offset,
            "end": offset,
            "width": 0,
            "height": 0,
            "source": method,
            "doubts": [why],
        }
    )


def _tesseract(config: OcrConfig) -> Engine:
    from lineal_consumers.ocr.tesseract import engine_version

    return Engine(
        name="tesseract",
        version=engine_version(),
        language=config.language,
        parameters={"dpi": str(config.dpi), "mode": "lstm"},
    )


def _pdfium() -> Engine:
    return Engine(name="pdfium", version=version("pypdfium2"))
