"""Reads a part of a document, in a worker process."""

from __future__ import annotations

import gzip
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from lineal_consumers.ocr import rapidocr
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.reading_time import begin_page, end_pages
from lineal_schemas.documents import DocumentKind, PageRange
from lineal_schemas.results import PAGE_SEPARATOR, Engine, Page, TextResult

if TYPE_CHECKING:
    from collections.abc import Callable

_FAST = 1
"""Parts are read once and then joined, so they are compressed for speed and not for size."""


def read_part(path: str, kind: DocumentKind, pages: PageRange, config: OcrConfig) -> bytes:
    """Read some pages of a file.

    Returns:
        a gzipped :class:`TextResult` of these pages, offsets counted from its own text.

    Raises:
        Reject: the file cannot be read; a single broken page of a PDF is only doubtful.
    """
    try:
        if kind == "pdf":
            result = _read_pdf(path, pages, config)
        elif kind == "image":
            result = _read_image(path, pages, config)
        else:
            result = _read_parsed(path, kind, pages, config)
    finally:
        end_pages()
    return gzip.compress(result.model_dump_json().encode(), compresslevel=_FAST, mtime=0)


def _read_pdf(path: str, pages: PageRange, config: OcrConfig) -> TextResult:
    from lineal_consumers.ocr.pdf_pages import read_pdf_page

    engine = _tesseract(config) if pages.method == "ocr" else _pdfium()
    return _joined(
        path, pages, engine, lambda number, at: read_pdf_page(path, number, at, pages, config)
    )


def _read_image(path: str, pages: PageRange, config: OcrConfig) -> TextResult:
    from lineal_consumers.ocr.page_raster import decode_frame
    from lineal_consumers.ocr.recognized_page import read_page_image

    return _joined(
        path,
        pages,
        _tesseract(config),
        lambda number, at: read_page_image(decode_frame(path, number, config), number, at, config),
    )


def _read_parsed(path: str, kind: DocumentKind, pages: PageRange, config: OcrConfig) -> TextResult:
    from lineal_consumers.ocr.parsers import parse_pages
    from lineal_consumers.ocr.pictures import add_pictures
    from lineal_consumers.ocr.recognized_page import read_page_image

    parsed = parse_pages(Path(path), kind, pages)
    begin_page(path)
    if add_pictures(parsed, config, lambda raster: read_page_image(raster, 1, 0, config)):
        parsed.engines.append(_tesseract(config))
    return parsed.result(first=pages.first)


def _joined(
    path: str, pages: PageRange, engine: Engine, read: Callable[[int, int], tuple[str, Page]]
) -> TextResult:
    texts: list[str] = []
    made: list[Page] = []
    offset = 0
    for number in range(pages.first, pages.last + 1):
        begin_page(path)
        text, page = read(number, offset)
        texts.append(text)
        made.append(page)
        offset += len(text) + len(PAGE_SEPARATOR)
    return TextResult.model_construct(
        engines=_engines(made, engine), text=PAGE_SEPARATOR.join(texts), pages=tuple(made)
    )


def _engines(pages: list[Page], planned: Engine) -> tuple[Engine, ...]:
    """What read the pages, each in its languages; what was planned where none was recognised."""
    used = dict.fromkeys((page.engine, page.language) for page in pages if page.language)
    return tuple(
        (_rapidocr() if name == rapidocr.NAME else planned).model_copy(
            update={"language": language}
        )
        for name, language in used
    ) or (planned,)


def _rapidocr() -> Engine:
    return Engine(name=rapidocr.NAME, version=rapidocr.engine_version())


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
