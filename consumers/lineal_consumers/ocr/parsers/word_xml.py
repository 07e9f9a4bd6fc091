"""Documents of Word that are one XML file: the parts of a DOCX side by side (Flat OPC), and the
format of Word 2003, which has the names of today in another namespace."""

from __future__ import annotations

import binascii
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from lineal_consumers.ocr.parsers.markup import parse_markup
from lineal_consumers.ocr.parsers.parsed import Parsed
from lineal_consumers.ocr.parsers.slides import read_slides
from lineal_consumers.ocr.parsers.word import read_word

_PACKAGE = "{http://schemas.microsoft.com/office/2006/xmlPackage}"
_OF_2003 = b"http://schemas.microsoft.com/office/word/2003/wordml"
_OF_TODAY = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_BEGIN = re.compile(
    rb"<(?:\w+:)?(?:package|wordDocument)\b[^>]*(?:2006/xmlPackage|word/2003/wordml)"
)
MAX_BEGIN = 64 * 1024
"""Bytes of a file that say what it is."""


def is_flat_word(begin: bytes) -> bool:
    """Whether a file that begins so is one of the two."""
    return _BEGIN.search(begin[:MAX_BEGIN]) is not None


def read_flat_word(path: Path) -> Parsed:
    """The document, or the slides, as of the archive that it could be.

    Raises:
        Reject, lxml.etree.XMLSyntaxError: see :func:`parse_markup`.
        ValueError: it has no document.
    """
    root = parse_markup(path.read_bytes(), path.stat().st_size)
    with tempfile.NamedTemporaryFile() as file:
        with zipfile.ZipFile(file, "w") as archive:
            if root.tag.startswith(_PACKAGE):
                slides = _write_parts(root, archive)
            else:
                slides = _write_document(root, archive)
        file.flush()
        parsed = (read_slides if slides else read_word)(Path(file.name))
    if not root.tag.startswith(_PACKAGE) and next(root.iter("{*}binData"), None) is not None:
        parsed.pages[0].doubt("pictures in the format of Word 2003 are not read")
    return parsed


def _write_parts(root: Any, archive: zipfile.ZipFile) -> bool:
    """Whether they are those of slides."""
    from lxml import etree  # type: ignore[import-untyped]

    slides = False
    for part in root.iterchildren(_PACKAGE + "part"):
        name = part.get(_PACKAGE + "name", "").lstrip("/")
        slides = slides or name == "ppt/presentation.xml"
        for content in part.iterchildren():
            if content.tag == _PACKAGE + "xmlData":
                archive.writestr(name, b"".join(map(etree.tostring, content.iterchildren())))
            else:
                archive.writestr(name, binascii.a2b_base64(content.text or ""))
    return slides


def _write_document(root: Any, archive: zipfile.ZipFile) -> bool:
    from lxml import etree

    data = etree.tostring(root).replace(_OF_2003, _OF_TODAY)
    archive.writestr("word/document.xml", data)
    return False
