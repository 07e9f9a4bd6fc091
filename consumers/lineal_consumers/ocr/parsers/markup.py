"""XML of somebody else's making as a tree, within bounds.

A tree takes some hundred times the memory of the marks it is made of, and readers walk down it, so
the marks and the depth are bounded before anything is built or walked.
"""

from __future__ import annotations

import re
from typing import Any

from lineal.stages import Reject

MAX_MARKUP_BYTES = 128 * 1024 * 1024
"""One XML file, unpacked."""
MAX_MARKS = 5_000_000
"""Tags and other marks (``<``) of one XML file, of which each takes some 400 bytes in a tree."""
FREE_MARKS = 1_000_000
"""Marks that a file may have however well it is packed. More need as many bytes of the archive:
what people write does not pack to a byte a mark, and a few kilobytes are to cost no gigabyte."""
MAX_DEPTH = 256
"""Elements inside each other; libxml2's own limit where it is not told that a file is huge."""

_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")


def parse_markup(data: bytes, packed_bytes: int = 0) -> Any:
    """The root of some XML. The names of Strict Open XML become those of the Transitional one.

    Args:
        packed_bytes: how many bytes of the file it takes.

    Source of the names: ISO/IEC 29500-1, Annex A, and 29500-4.

    Raises:
        Reject: there is more of it, or it is deeper, than is read.
        lxml.etree.XMLSyntaxError: it is no XML.
    """
    from lxml import etree  # type: ignore[import-untyped]

    if data.startswith(_WIDE_MARKS):
        data = _DECLARATION.sub("", data.decode("utf-16")).encode()
    check_markup(data, packed_bytes)
    data = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", data)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if "depth" in str(error):
            raise Reject(
                f"the document is too deep: at most {MAX_DEPTH} elements inside each other are read"
            ) from error
        raise


def check_markup(data: bytes, packed_bytes: int, free_marks: int = FREE_MARKS) -> None:
    """Bound the cost of a tree.

    Args:
        free_marks: see :data:`FREE_MARKS`.

    Raises:
        Reject: it holds more than :data:`MAX_MARKUP_BYTES`, or more marks than it may.
    """
    if len(data) > MAX_MARKUP_BYTES:
        raise Reject(
            f"the document is too large: {MAX_MARKUP_BYTES >> 20} MiB of markup in one file are "
            "the most that is read"
        )
    most = min(MAX_MARKS, max(free_marks, packed_bytes))
    if data.count(b"<") > most:
        raise Reject(
            f"the document is too large: at most {most:,} tags in a file of this size are read"
        )


def local_name(element: Any) -> str:
    """An element's name without its namespace; empty for comments and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
