"""A document as hOCR: HTML in which every word has its box.

Source: The hOCR Embedded OCR Workflow and Output Format, version 1.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from lineal_catalog.documents.made_renditions import RenditionMaker, RenditionSource
from lineal_catalog.pages.read_pages import (
    PixelBox,
    ReadDocument,
    ReadPage,
    around,
    read_document,
    text_lines,
)
from lineal_catalog.pages.xml_text import xml_text

_CAPABILITIES = "ocr_page ocr_line ocrx_word ocrp_lang ocrp_wconf"
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
 "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
<head>
<title>{title}</title>
<meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>
<meta name="ocr-system" content="{system}"/>
<meta name="ocr-capabilities" content="{capabilities}"/>
<meta name="ocr-number-of-pages" content="{pages}"/>
<meta name="ocr-langs" content="{languages}"/>
</head>
<body>
"""


def make_hocr(source: RenditionSource) -> bytes:
    """The hOCR of a document. Boxes are in pixels of the page as seen, at its ``scan_res``."""
    document = read_document(source.result)
    head = _HEAD.format(
        title=_text(source.name),
        system=_text(_system(document)),
        capabilities=_CAPABILITIES,
        pages=len(document.pages),
        languages=_text(_languages(document)),
    )
    body = "".join(_page(page, source.name) for page in document.pages)
    return (head + body + "</body>\n</html>\n").encode()


def _system(document: ReadDocument) -> str:
    return ", ".join(f"{engine['name']} {engine['version']}" for engine in document.engines)


def _languages(document: ReadDocument) -> str:
    found = dict.fromkeys(page.language for page in document.pages if page.language)
    return " ".join(found) or "unknown"


def _page(page: ReadPage, name: str) -> str:
    image = name.replace('"', "'").replace(";", ",").replace("\\", "/")
    title = f'image "{image}"; ppageno {page.number - 1}'
    if page.width and page.height:
        title += f"; bbox 0 0 {page.width} {page.height}; scan_res {page.dpi} {page.dpi}"
    body = "".join(_lines(page)) or "".join(
        f"<p class='ocr_par'>{_text(line)}</p>\n" for line in text_lines(page)
    )
    return f'<div class="ocr_page" id="page_{page.number}" title="{_text(title)}">\n{body}</div>\n'


def _lines(page: ReadPage) -> Iterator[str]:
    for number, line in enumerate(page.lines, 1):
        box = _bbox(page.pixels(around([word.box for word in line])))
        yield f'<span class="ocr_line" id="line_{page.number}_{number}" title="{box}">'
        yield " ".join(
            f'<span class="ocrx_word" id="word_{page.number}_{number}_{place}" '
            f'title="{_bbox(page.pixels(word.box))}; x_wconf {round(word.confidence * 100)}">'
            f"{_text(word.text)}</span>"
            for place, word in enumerate(line, 1)
        )
        yield "</span>\n"


def _bbox(box: PixelBox) -> str:
    return f"bbox {box.left} {box.top} {box.right} {box.bottom}"


def _text(text: str) -> str:
    return escape(xml_text(text))


HOCR = RenditionMaker("hocr", "application/xhtml+xml", "hocr", make_hocr)
