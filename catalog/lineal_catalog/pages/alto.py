"""A document as ALTO 4.4: its lines and words with their places, and its entities as tags.

Source: ALTO: Technical Metadata for Layout and Text Objects, schema 4.4 (Library of Congress).
"""

from __future__ import annotations

import gzip
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as tree

import orjson

from lineal_catalog.documents.made_renditions import RenditionMaker, RenditionSource
from lineal_catalog.pages.read_pages import (
    ReadDocument,
    ReadPage,
    ReadWord,
    around,
    read_document,
    text_lines,
)
from lineal_catalog.pages.xml_text import xml_text

_SPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_LANGUAGE_CHARACTERS = 3
_MAX_TAGS = 10_000


def make_alto(source: RenditionSource) -> bytes:
    """The ALTO of a document, a ``Page`` for each page. Places are in pixels of the page as seen,
    at the resolution that its processing step states."""
    document = read_document(source.result)
    entities: list[dict[str, Any]] = []
    if source.analysis is not None:
        entities = orjson.loads(gzip.decompress(source.analysis))["entities"][:_MAX_TAGS]
    root = tree.Element("alto", {"xmlns": _SPACE, "SCHEMAVERSION": "4.4"})
    _describe(root, document, source)
    if entities:
        tags = tree.SubElement(root, "Tags")
        for number, entity in enumerate(entities):
            tree.SubElement(
                tags,
                "NamedEntityTag",
                {
                    "ID": f"TAG_{number}",
                    "TYPE": xml_text(entity["type"]),
                    "LABEL": xml_text(entity.get("value") or entity["text"]),
                },
            )
    layout = tree.SubElement(root, "Layout")
    tagged = _Tagged(entities)
    for page in document.pages:
        _add_page(layout, page, tagged)
    written: bytes = tree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written


class _Tagged:
    """Which entities a word belongs to."""

    def __init__(self, entities: Sequence[dict[str, Any]]) -> None:
        spans = sorted(
            (begin, end, number)
            for number, entity in enumerate(entities)
            for begin, end, _ in entity["occurrences"]
        )
        self._spans = spans
        self._longest = max((end - begin for begin, end, _ in spans), default=0)

    def tags(self, word: ReadWord) -> str:
        first = bisect_left(self._spans, (word.begin - self._longest,))
        last = bisect_right(self._spans, (word.end,))
        found = {number for _, end, number in self._spans[first:last] if end > word.begin}
        return " ".join(f"TAG_{number}" for number in sorted(found))


def _describe(root: tree.Element, document: ReadDocument, source: RenditionSource) -> None:
    description = tree.SubElement(root, "Description")
    tree.SubElement(description, "MeasurementUnit").text = "pixel"
    image = tree.SubElement(description, "sourceImageInformation")
    tree.SubElement(image, "fileName").text = xml_text(source.name)
    identifier = tree.SubElement(image, "documentIdentifier")
    identifier.text = f"sha256:{source.sha256}"
    for number, engine in enumerate(document.engines):
        processing = tree.SubElement(description, "Processing", {"ID": f"PROCESSING_{number}"})
        settings = engine.get("parameters") or {}
        tree.SubElement(processing, "processingStepSettings").text = xml_text(
            " ".join(f"{name}={value}" for name, value in sorted(settings.items()))
        )
        software = tree.SubElement(processing, "processingSoftware")
        tree.SubElement(software, "softwareName").text = xml_text(engine["name"])
        tree.SubElement(software, "softwareVersion").text = xml_text(engine["version"])


def _add_page(layout: tree.Element, page: ReadPage, tagged: _Tagged) -> None:
    attributes = {"ID": f"PAGE_{page.number}", "PHYSICAL_IMG_NR": str(page.number)}
    if page.width and page.height:
        attributes |= {"WIDTH": str(page.width), "HEIGHT": str(page.height)}
    if page.language and len(page.language) == _LANGUAGE_CHARACTERS:
        attributes["LANG"] = page.language
    made = tree.SubElement(layout, "Page", attributes)
    space = tree.SubElement(made, "PrintSpace", _place(page, (0, 0, 1, 1)))
    if page.lines:
        boxes = [word.box for line in page.lines for word in line]
        block = tree.SubElement(
            space, "TextBlock", {"ID": f"BLOCK_{page.number}", **_place(page, around(boxes))}
        )
        for number, line in enumerate(page.lines, 1):
            _add_line(block, page, number, line, tagged)
        return
    lines = list(text_lines(page))
    if not lines:
        return
    block = tree.SubElement(
        space, "TextBlock", {"ID": f"BLOCK_{page.number}", **_place(page, (0, 0, 1, 1))}
    )
    for text in lines:
        made = tree.SubElement(block, "TextLine", _place(page, (0, 0, 1, 1)))
        tree.SubElement(made, "String", {"CONTENT": xml_text(text)})


def _add_line(
    block: tree.Element, page: ReadPage, number: int, line: Sequence[ReadWord], tagged: _Tagged
) -> None:
    box = around([word.box for word in line])
    made = tree.SubElement(
        block, "TextLine", {"ID": f"LINE_{page.number}_{number}", **_place(page, box)}
    )
    for at, word in enumerate(line, 1):
        if at > 1:
            tree.SubElement(made, "SP")
        attributes = {
            "ID": f"STRING_{page.number}_{number}_{at}",
            "CONTENT": xml_text(word.text),
            **_place(page, word.box),
            "WC": f"{min(max(word.confidence, 0.0), 1.0):.3f}",
        }
        if tags := tagged.tags(word):
            attributes["TAGREFS"] = tags
        tree.SubElement(made, "String", attributes)


def _place(page: ReadPage, box: Sequence[float]) -> dict[str, str]:
    left, top, right, bottom = page.pixels(box)
    return {
        "HPOS": str(left),
        "VPOS": str(top),
        "WIDTH": str(right - left),
        "HEIGHT": str(bottom - top),
    }


ALTO = RenditionMaker("alto", "application/xml", "alto.xml", make_alto)
