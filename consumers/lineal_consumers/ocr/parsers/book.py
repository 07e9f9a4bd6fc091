"""EPUB: every document of the reading order a page (EPUB 3.3, 4 and 5), with what readers show
around them: title and authors, and the names of chapters that these do not say themselves."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lineal_consumers.ocr.parsers.html import html_page
from lineal_consumers.ocr.parsers.open_xml import Package
from lineal_consumers.ocr.parsers.parsed import (
    Parsed,
    ParsedPage,
    Picture,
    check_amount,
    engine,
    one_line,
)
from lineal_consumers.ocr.parsers.picture_limits import MAX_PICTURE_BYTES, has_room

_PICTURE = re.compile(r"image/(?!svg)")
_CONTAINER = "META-INF/container.xml"


def read_book(path: Path) -> Parsed:
    """The documents in the order in which they are read, with the pictures in them.

    Raises:
        ValueError: the book has no list of its documents.
    """
    pages: list[ParsedPage] = []
    characters = 0
    with Package(path) as package:
        container = package.parse(_CONTAINER)
        root_file = None if container is None else next(container.iter("{*}rootfile"), None)
        name = "" if root_file is None else root_file.get("full-path", "")
        root = package.parse(name)
        if root is None:
            raise ValueError("the book names no package")
        folder = posixpath.dirname(name)
        names = _names(package, root, folder)
        items = {item.get("id"): item for item in root.iter("{*}item")}
        for reference in root.iter("{*}itemref"):
            item = items.get(reference.get("idref"))
            target = _join(folder, "" if item is None else item.get("href", ""))
            page = ParsedPage("")
            if item is not None and _PICTURE.match(item.get("media-type", "")):
                _add_picture(package, target, page)
            elif target in package:
                page, _, sources = html_page(package.read(target))
                for source in sources:
                    _add_picture(package, _join(posixpath.dirname(target), source), page)
            else:
                page.doubt("a chapter is missing in the file")
            around = names.get(target, [])
            if not pages:
                around = [*_titles(root), *around]
            page.text = "\n".join([*_unsaid(around, page.text), page.text])
            characters += len(page.text)
            check_amount(characters)
            pages.append(page)
    return Parsed(engine("lxml", format="epub"), pages)


def _titles(root: Any) -> Iterator[str]:
    for name in ("title", "creator"):
        for element in root.iter("{http://purl.org/dc/elements/1.1/}" + name):
            yield one_line(element.text or "")


def _names(package: Package, root: Any, folder: str) -> dict[str, list[str]]:
    """What the table of contents calls the documents, and parts of them: that of EPUB 3 is a page
    itself, that of EPUB 2 a list."""
    names: dict[str, list[str]] = {}
    for item in root.iter("{*}item"):
        part = _join(folder, item.get("href", ""))
        properties = item.get("properties", "").split()
        is_list = item.get("media-type") == "application/x-dtbncx+xml"
        if part not in package or not (is_list or "nav" in properties):
            continue
        try:
            contents = package.parse(part)
        except SyntaxError:  # lxml's error for what is no XML
            contents = None
        if contents is None:
            continue
        if is_list:
            found = [
                (point.findtext("{*}navLabel/{*}text") or "", point.find("{*}content").get("src"))
                for point in contents.iter("{*}navPoint")
                if point.find("{*}content") is not None
            ]
        else:
            found = [("".join(a.itertext()), a.get("href")) for a in contents.iter("{*}a")]
        for name, target in found:
            names.setdefault(_join(posixpath.dirname(part), target or ""), []).append(
                one_line(name)
            )
    return names


def _unsaid(lines: list[str], text: str) -> Iterator[str]:
    """The lines that a text does not have, each once."""
    said = "".join(text.split())
    for line in dict.fromkeys(lines):
        if line and "".join(line.split()) not in said:
            yield line


def _join(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))


def _add_picture(package: Package, name: str, page: ParsedPage) -> None:
    label = posixpath.basename(name)
    if any(picture.name == label for picture in page.pictures):
        return
    if name not in package:
        page.doubt(f"the picture {label} is missing in the file")
    elif not has_room(page):
        page.doubt("the page holds more pictures than are read")
    else:
        page.pictures.append(Picture(label, package.read(name, MAX_PICTURE_BYTES)))
