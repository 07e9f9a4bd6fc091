"""An OpenDocument file that is one XML document instead of an archive (1.3, part 3, 3.1.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lineal_consumers.ocr.parsers.markup import parse_markup


class FlatPackage:
    """Stands in for the archive: content and styles are its one root, and it has no files.

    Raises:
        Reject, lxml.etree.XMLSyntaxError: see :func:`parse_markup`.
    """

    def __init__(self, path: Path) -> None:
        self._root = parse_markup(path.read_bytes(), path.stat().st_size)

    def __contains__(self, name: str) -> bool:
        return False

    def parse(self, name: str) -> Any | None:
        """The root for the names of content and styles, None for others."""
        return self._root if name in ("content.xml", "styles.xml") else None

    def read(self, name: str, limit: int = 0) -> bytes:
        """Raises KeyError: pictures stand in the content itself."""
        raise KeyError(name)
