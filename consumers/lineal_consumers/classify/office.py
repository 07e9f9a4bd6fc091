"""Office documents and books: ZIP archives that hold XML. Which one it is, and that it is no
bomb."""

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
    "text": "word",
    "text-master": "word",
    "text-web": "word",
    "spreadsheet": "sheet",
    "presentation": "word",
    "graphics": "word",
}
"""By the end of the media type, without ``-template``."""
_OPEN_DOCUMENT_TYPE = "application/vnd.oasis.opendocument."
_EPUB = "application/epub+zip"
_OFFICE = "application/vnd.openxmlformats-officedocument."
_DOCX = _OFFICE + "wordprocessingml.document"
_XLSX = _OFFICE + "spreadsheetml.sheet"
_PPTX = _OFFICE + "presentationml.presentation"
_OPEN_XML: tuple[tuple[bytes, bytes, DocumentKind, str], ...] = (
    (
        rb"wordprocessingml\.(document|template)\.main\+xml"
        rb"|ms-word\.(document|template)\.macroEnabled(Template)?\.main\+xml",
        b"word/document.xml", "word", _DOCX,
    ),
    (
        rb"spreadsheetml\.(sheet|template)\.main\+xml"
        rb"|ms-excel\.(sheet|template)\.macroEnabled\.main\+xml",
        b"xl/workbook.xml", "sheet", _XLSX,
    ),
    (
        rb"presentationml\.(presentation|slideshow|template)\.main\+xml"
        rb"|ms-powerpoint\.(presentation|slideshow|template)\.macroEnabled\.main\+xml",
        b"ppt/presentation.xml", "word", _PPTX,
    ),
)  # fmt: skip
"""What the list of content types says, the part that has the name where it says nothing, kind and
media type."""
_MARKUP_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<\x00", b"\xfe\xff\x00<")
_STEP = 256 * 1024
_RATIO_FROM = 16 * MEBIBYTE
_PEEK = 1024
_ENCRYPTED = 0x1
_DEFAULT_MAIN_PARTS = ("xl/workbook.xml", "ppt/presentation.xml")


def inspect_office(path: Path, config: ClassifyConfig) -> tuple[DocumentKind, str, int]:
    """Kind, media type and pages (sheets, slides) of an Office document.

    Markup in the archive is unpacked once, without keeping it: the directory of an archive may say
    anything about its size. What is markup is told by its first characters and not by its name.
    Other files are only looked at when they are read, within the limits of their reader.

    Raises:
        Reject: it is no Office document that is read, damaged, protected, or a bomb.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_directory(archive, config)
            kind, media_type = _recognise(archive)
            _check_contents(archive, config)
            pages = _pages(archive, media_type)
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


def _check_contents(archive: zipfile.ZipFile, config: ClassifyConfig) -> None:
    total = 0
    for entry in archive.infolist():
        size = 0
        with archive.open(entry) as file:
            block = file.read(_PEEK)
            if not block.lstrip().startswith(_MARKUP_STARTS):
                continue
            tail = b""
            while block:
                size += len(block)
                _check_markup(entry, size, config)
                if b"<!ENTITY" in tail + block:
                    raise Reject("the document declares XML entities, which Office files never do")
                tail = block[-8:]
                block = file.read(_STEP)
        total += size
        if total > config.archive_bytes:
            raise Reject(
                f"the archive unpacks to more than {config.archive_bytes // MEBIBYTE:,} MiB of "
                "markup, which are the most that is read"
            )


def _check_markup(entry: zipfile.ZipInfo, size: int, config: ClassifyConfig) -> None:
    if size > config.markup_bytes:
        raise Reject(
            f"the document is too large: {config.markup_bytes // MEBIBYTE:,} MiB of markup "
            "in one file are the most that is read"
        )
    if size > _RATIO_FROM and size > config.compression_ratio * max(entry.compress_size, 1):
        raise Reject("the archive is a bomb: it unpacks to far more than documents do")


def _recognise(archive: zipfile.ZipFile) -> tuple[DocumentKind, str]:
    names = set(archive.namelist())
    if "mimetype" in names:
        media_type = _start(archive, "mimetype", 200).decode("ascii").strip()
        if media_type == _EPUB:
            if "META-INF/encryption.xml" in names and b"idpf.org" not in _start(
                archive, "META-INF/encryption.xml", MEBIBYTE
            ):
                raise Reject("the book is protected against copying")
            return "word", media_type
        if "content.xml" in names:
            kind = _OPEN_DOCUMENT.get(
                media_type.removeprefix(_OPEN_DOCUMENT_TYPE).removesuffix("-template")
            )
            if kind is None:
                raise Reject(f"this kind of OpenDocument file is not read: {media_type}")
            if "META-INF/manifest.xml" in names and b"encryption-data" in _start(
                archive, "META-INF/manifest.xml", MEBIBYTE
            ):
                raise Reject("the document is encrypted")
            return kind, media_type
    types_name = next((name for name in names if name.lower() == "[content_types].xml"), None)
    types = b"" if types_name is None else _start(archive, types_name, 4 * MEBIBYTE)
    parts = {name.replace("\\", "/").lstrip("/").lower().encode() for name in names}
    for pattern, main, kind, media_type in _OPEN_XML:
        if re.search(pattern, types) or main in parts:
            return kind, media_type
    if types_name is None:
        raise Reject("ZIP archives are not read: unpack it and drop the files")
    if b"ms-excel.sheet.binary" in types:
        raise Reject("binary workbooks (XLSB) are not read: save it as XLSX")
    raise Reject("this kind of Office file is not read: only DOCX, XLSX and PPTX are")


def _start(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    with archive.open(name) as file:
        return file.read(most)


def _pages(archive: zipfile.ZipFile, media_type: str) -> int:
    if media_type == _XLSX:
        found = _count_children(archive, _main_part(archive), "sheets", "sheet")
        what = "the spreadsheet has no sheets"
    elif media_type == _PPTX:
        found = _count_children(archive, _main_part(archive), "sldIdLst", "sldId")
        what = "the presentation has no slides"
    elif media_type == _EPUB:
        found = _count_children(archive, _package_file(archive), "spine", "itemref")
        what = "the book has no chapters"
    elif "spreadsheet" in media_type:
        found = _count_children(archive, "content.xml", "spreadsheet", "table")
        what = "the spreadsheet has no sheets"
    elif "presentation" in media_type:
        found = _count_children(archive, "content.xml", "presentation", "page")
        what = "the presentation has no slides"
    elif "graphics" in media_type:
        found = _count_children(archive, "content.xml", "drawing", "page")
        what = "the drawing has no pages"
    else:
        return 1
    if found == 0:
        raise Reject(what)
    return found


def _main_part(archive: zipfile.ZipFile) -> str:
    from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

    names = {name.replace("\\", "/").lstrip("/").lower(): name for name in archive.namelist()}
    targets = list(_DEFAULT_MAIN_PARTS)
    if "_rels/.rels" in names:
        for relation in fromstring(_start(archive, names["_rels/.rels"], MEBIBYTE)):
            if relation.get("Type", "").endswith("/officeDocument"):
                targets.insert(0, str(relation.get("Target", "")).lstrip("/"))
    for target in targets:
        if target.lower() in names:
            return names[target.lower()]
    raise Reject("the document is damaged: it has no main part")


def _package_file(archive: zipfile.ZipFile) -> str:
    from defusedxml.ElementTree import fromstring

    container = fromstring(_start(archive, "META-INF/container.xml", MEBIBYTE))
    for element in container.iter():
        if element.tag.rpartition("}")[2] == "rootfile":
            return str(element.get("full-path", ""))
    raise Reject("the book is damaged: it names no package")


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
        raise Reject("the document is damaged: its markup cannot be read") from error
    return count
