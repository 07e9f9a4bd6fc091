"""Packages of Office Open XML: parts, and the relations between them (ECMA-376, part 2).

Read here and not by python-docx and openpyxl: these know the Transitional names only, miss parts
that are optional, and unpack everything there is.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import unquote

from lineal.stages import Reject
from lineal_consumers.ocr.parsers.embedded_object import embedded_file
from lineal_consumers.ocr.parsers.markup import MAX_MARKUP_BYTES, parse_markup

RELATION_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
RELATION_EMBED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}embed"

OTHER_PROGRAM = "an object of another program that is embedded in the document was not read"
"""A doubt of the page that it is on."""

_MAIN_PARTS = ("word/document.xml", "xl/workbook.xml", "ppt/presentation.xml")


class Relation(NamedTuple):
    """A relationship from one part of a file to another."""

    type: str
    """The last word of the relation's type: ``header``, ``image``, ``hyperlink``."""
    target: str
    """The name of the part; for an external one, what it is said to be."""
    external: bool


class Package:
    """The parts of a document by their names, which are compared without case.

    Raises:
        zipfile.BadZipFile: it is no archive.
    """

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path)
        self._names = {
            _normal(entry.filename): entry.filename for entry in self._archive.infolist()
        }
        self._relations: dict[str, dict[str, Relation]] = {}

    def __enter__(self) -> Package:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._archive.close()

    def __contains__(self, name: str) -> bool:
        return _normal(name) in self._names

    def read(self, name: str, limit: int = MAX_MARKUP_BYTES) -> bytes:
        """The bytes of a part.

        Raises:
            Reject: it unpacks to more than ``limit``, whatever the archive says of its size.
            KeyError: there is none of this name.
        """
        with self._archive.open(self._names[_normal(name)]) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise Reject(
                f"the document is too large: at most {limit >> 20} MiB of one part are read"
            )
        return data

    def parse(self, name: str) -> Any | None:
        """The root of a part's XML; None where the part is missing, as optional ones may be.

        Raises:
            Reject, lxml.etree.XMLSyntaxError: see :func:`parse_markup`.
        """
        if name not in self:
            return None
        packed = self._archive.getinfo(self._names[_normal(name)]).compress_size
        return parse_markup(self.read(name), packed)

    def relations(self, part: str) -> dict[str, Relation]:
        """The relations of a part by their ids; of the package for an empty name."""
        found = self._relations.get(part)
        if found is None:
            found = self._relations[part] = self._read_relations(part)
        return found

    def related(self, part: str, kind: str) -> list[str]:
        """The parts inside the package that stand in one kind of relation to a part."""
        return [
            relation.target
            for relation in self.relations(part).values()
            if relation.type == kind and not relation.external
        ]

    def embedded(self, kind: str) -> list[str]:
        """The files inside the document that a reader of it can open: of the kind ``package`` (an
        Office file) or ``oleObject`` (of another program). The data behind charts are not."""
        found: dict[str, None] = {}
        for name in self._names:
            folder, _, file = name.rpartition("/_rels/")
            if file.endswith(".rels") and not folder.endswith("charts"):
                found |= dict.fromkeys(self.related(f"{folder}/{file.removesuffix('.rels')}", kind))
        return [name for name in found if name in self]

    def has_unread_object(self) -> bool:
        """Whether an object of another program is in the document in which no file is found."""
        return any(embedded_file(self.read(name)) is None for name in self.embedded("oleObject"))

    def main_part(self) -> str:
        """The part that the document begins with.

        Raises:
            ValueError: there is none.
        """
        for name in (*self.related("", "officeDocument"), *_MAIN_PARTS):
            if name in self:
                return name
        raise ValueError("the package names no document")

    def _read_relations(self, part: str) -> dict[str, Relation]:
        folder, name = posixpath.split(part)
        root = self.parse(posixpath.join(folder, "_rels", f"{name}.rels"))
        found: dict[str, Relation] = {}
        for item in () if root is None else root.iterchildren("{*}Relationship"):
            target = item.get("Target", "")
            external = item.get("TargetMode") == "External"
            if not external:
                target = unquote(target.partition("#")[0].replace("\\", "/"))
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            kind = re.split(r"[/:]", item.get("Type", ""))[-1]
            found[item.get("Id", "")] = Relation(kind, target, external)
        return found


def _normal(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
