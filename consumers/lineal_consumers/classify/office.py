"""Office documents: ZIP archives that hold XML. Which one it is, and that it is no bomb."""

from __future__ import annotations

import errno
import re
import zipfile
import zlib
from pathlib import Path

from lineal.stages import Reject
from lineal_consumers.classify.config import MEBIBYTE, ClassifyConfig
from lineal_schemas.documents import DocumentKind

_OPEN_DOCUMENT: dict[str, DocumentKind] = {
    "application/vnd.oasis.opendocument.text": "word",
    "application/vnd.oasis.opendocument.spreadsheet": "sheet",
}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_DOCX = _OFFICE + "wordprocessingml.document"
_XLSX = _OFFICE + "spreadsheetml.sheet"
_STEP = 256 * 1024
_RATIO_FROM = 16 * MEBIBYTE
_ENCRYPTED = 0x1


def inspect_office(path: Path, config: ClassifyConfig) -> tuple[DocumentKind, str, int]:
    """Kind, media type and pages (the sheets of a spreadsheet) of an Office document.

    Every file in the archive is unpacked once, without keeping it: the directory of an archive
    may say anything about their sizes.

    Raises:
        Reject: it is no Office document that is read, damaged, protected, or a bomb.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_directory(archive, config)
            kind, media_type = _recognise(archive)
            _check_contents(archive, config)
            pages = _sheets(archive, media_type) if kind == "sheet" else 1
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        NotImplementedError,
        UnicodeDecodeError,
        ValueError,
    ) as error:
        raise Reject("the archive is damaged or cut off") from error
    except OSError as error:
        # An entry said to begin before the file does.
        if error.errno != errno.EINVAL:
            raise
        raise Reject("the archive is damaged or cut off") from error
    except RuntimeError as error:
        # zipfile has no better class for an entry that needs a password.
        raise Reject("the document is encrypted") from error
    return kind, media_type, pages


def _check_directory(archive: zipfile.ZipFile, config: ClassifyConfig) -> None:
    entries = archive.infolist()
    if len(entries) > config.archive_entries:
        raise Reject(f"the archive is too large: more than {config.archive_entries:,} entries")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise Reject("the document is encrypted")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > config.archive_bytes:
        raise Reject(
            f"the archive unpacks to {unpacked // MEBIBYTE:,} MiB, "
            f"at most {config.archive_bytes // MEBIBYTE:,} are read"
        )
    for entry in entries:
        _check_entry(entry, entry.file_size, config)


def _check_contents(archive: zipfile.ZipFile, config: ClassifyConfig) -> None:
    total = 0
    for entry in archive.infolist():
        size = 0
        with archive.open(entry) as file:
            tail = b""
            while block := file.read(_STEP):
                size += len(block)
                _check_entry(entry, size, config)
                if _is_markup(entry) and b"<!ENTITY" in tail + block:
                    raise Reject("the document declares XML entities, which Office files never do")
                tail = block[-8:]
        total += size
        if total > config.archive_bytes:
            raise Reject("the archive unpacks to more than its directory says")


def _check_entry(entry: zipfile.ZipInfo, size: int, config: ClassifyConfig) -> None:
    if _is_markup(entry) and size > config.markup_bytes:
        raise Reject(
            f"the document is too large: {config.markup_bytes // MEBIBYTE:,} MiB of markup "
            "in one file are the most that is read"
        )
    if size > _RATIO_FROM and size > config.compression_ratio * max(entry.compress_size, 1):
        raise Reject("the archive is a bomb: it unpacks to far more than documents do")


def _is_markup(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.lower().endswith((".xml", ".rels"))


def _recognise(archive: zipfile.ZipFile) -> tuple[DocumentKind, str]:
    names = set(archive.namelist())
    if "mimetype" in names and "content.xml" in names:
        media_type = _start(archive, "mimetype", 200).decode("ascii").strip()
        if media_type in _OPEN_DOCUMENT:
            if b"encryption-data" in _start(archive, "META-INF/manifest.xml", MEBIBYTE):
                raise Reject("the document is encrypted")
            return _OPEN_DOCUMENT[media_type], media_type
        raise Reject("this kind of OpenDocument file is not read: only texts and spreadsheets are")
    if "[Content_Types].xml" not in names:
        raise Reject("ZIP archives are not read: unpack it and drop the files")
    types = _start(archive, "[Content_Types].xml", 4 * MEBIBYTE)
    if re.search(rb"wordprocessingml\.(document|template)\.main\+xml", types) or re.search(
        rb"ms-word\.(document|template)\.macroEnabled(Template)?\.main\+xml", types
    ):
        return "word", _DOCX
    if re.search(rb"spreadsheetml\.(sheet|template)\.main\+xml", types) or re.search(
        rb"ms-excel\.(sheet|template)\.macroEnabled\.main\+xml", types
    ):
        return "sheet", _XLSX
    if b"presentationml" in types:
        raise Reject("presentations are not read")
    raise Reject("this kind of Office file is not read: only DOCX and XLSX are")


def _start(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    with archive.open(name) as file:
        return file.read(most)


def _sheets(archive: zipfile.ZipFile, media_type: str) -> int:
    if media_type == _XLSX:
        count = _count_children(archive, _workbook(archive), "sheets", "sheet")
    else:
        count = _count_children(archive, "content.xml", "spreadsheet", "table")
    if count == 0:
        raise Reject("the spreadsheet has no sheets")
    return count


def _workbook(archive: zipfile.ZipFile) -> str:
    from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

    for relation in fromstring(_start(archive, "_rels/.rels", MEBIBYTE)):
        if relation.get("Type", "").endswith("/officeDocument"):
            return str(relation.get("Target", "")).lstrip("/")
    raise Reject("the spreadsheet is damaged: it names no workbook")


def _count_children(archive: zipfile.ZipFile, name: str, parent: str, child: str) -> int:
    from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
    from defusedxml.ElementTree import ParseError, iterparse

    count = 0
    open_elements: list[str] = []
    try:
        with archive.open(name) as file:
            for event, element in iterparse(file, events=("start", "end")):
                tag = element.tag.rpartition("}")[2]
                if event == "start":
                    count += tag == child and open_elements[-1:] == [parent]
                    open_elements.append(tag)
                else:
                    open_elements.pop()
                    element.clear()
    except (ParseError, DefusedXmlException) as error:
        raise Reject("the spreadsheet is damaged: its markup cannot be read") from error
    return count
