"""Compound files: messages of Outlook, and Office files from before 2007 or with a password."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lineal.stages import Reject
from lineal_catalog.file_formats.office_program import find_office_program
from lineal_schemas.documents import DocumentKind

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAX_BYTES = 200 * 1024 * 1024


class Compound(NamedTuple):
    """What a compound file is."""

    kind: DocumentKind
    media_type: str


_BY_STREAM: tuple[tuple[str, Compound], ...] = (
    ("__properties_version1.0", Compound("email", "application/vnd.ms-outlook")),
    ("WordDocument", Compound("word", "application/msword")),
    ("Workbook", Compound("sheet", "application/vnd.ms-excel")),
    ("Book", Compound("sheet", "application/vnd.ms-excel")),
    ("PowerPoint Document", Compound("word", "application/vnd.ms-powerpoint")),
)


def inspect_compound(path: Path) -> Compound:
    """What a compound file is, by the streams in it.

    Raises:
        Reject: it is none that is read, damaged, encrypted, or one that LibreOffice would read,
            which is not installed.
    """
    import olefile  # type: ignore[import-untyped]

    if path.stat().st_size > _MAX_BYTES:
        raise Reject(f"the document is too large: at most {_MAX_BYTES >> 20} MiB are read")
    try:
        with olefile.OleFileIO(path) as file:
            names = {entry[0] for entry in file.listdir()}
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise Reject("the document is damaged or cut off") from error
    if "EncryptedPackage" in names or "EncryptionInfo" in names:
        raise Reject("the document is encrypted: it can only be opened with its password")
    for name, found in _BY_STREAM:
        if name in names:
            if found.kind != "email" and find_office_program() is None:
                raise Reject(
                    "Office files from before 2007 are read with LibreOffice, which is not "
                    "installed: install it, or save it as DOCX, XLSX or PPTX"
                )
            return found
    raise Reject("files of type application/x-ole-storage are not read")
