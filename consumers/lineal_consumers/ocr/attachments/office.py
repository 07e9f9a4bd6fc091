"""The Office files that are embedded in an Office file."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lineal.stages import Reject
from lineal_consumers.ocr.attachments.attached_file import AttachedFile, too_large
from lineal_consumers.ocr.parsers.embedded_object import embedded_file
from lineal_consumers.ocr.parsers.open_xml import Package


def office_attachments(path: Path) -> Iterator[AttachedFile]:
    """The files that are embedded in a DOCX, XLSX or PPTX, also as objects of other programs; other
    files have none."""
    if not zipfile.is_zipfile(path):
        return
    with Package(path) as package:
        for name in package.embedded("package"):
            yield AttachedFile(posixpath.basename(name), partial(_content, package, name))
        for name in package.embedded("oleObject"):
            found = embedded_file(package.read(name))
            if found is not None:
                yield AttachedFile(found.name, partial(_within, found.data))


def _within(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise too_large(limit)
    return data


def _content(package: Package, name: str, limit: int) -> bytes:
    try:
        return package.read(name, limit)
    except Reject as error:
        raise too_large(limit) from error
