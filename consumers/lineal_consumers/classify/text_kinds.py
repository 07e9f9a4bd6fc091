"""Kinds of text: the bytes decide where they are clear, the name where they are not."""

from __future__ import annotations

import csv
import mmap
import re
from pathlib import Path, PurePath

from lineal.stages import Reject
from lineal_catalog.file_formats.utf16 import unmarked_utf16
from lineal_consumers.classify.config import MEBIBYTE, ClassifyConfig
from lineal_schemas.documents import DocumentKind

_MEDIA_TYPES: dict[DocumentKind, str] = {
    "text": "text/plain",
    "markdown": "text/markdown",
    "html": "text/html",
    "sheet": "text/csv",
    "email": "message/rfc822",
}
_NAMED: dict[str, DocumentKind] = {
    ".txt": "text",
    ".text": "text",
    ".log": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdown": "markdown",
    ".csv": "sheet",
    ".tsv": "sheet",
    ".tab": "sheet",
    ".eml": "email",
    ".emlx": "email",
    ".mbox": "email",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
}
_NOT_READ = {"application/postscript", "application/pgp-encrypted"}
"""Media types whose bytes are text that is not meant for readers."""
_DELIMITERS = ",;\t|^"
_FILLING = 16
"""Zeros behind a text; fewer may be the last character of UTF-16."""
_RICH_TEXT = b"{\\rtf"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16; that of little-endian UTF-32 begins with the first."""
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_SVG = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+svg|svg)\b",
    re.IGNORECASE | re.DOTALL,
)
_FLAT_OPEN_DOCUMENT = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?<office:document\s[^>]*office:mimetype=[\"']"
    r"(application/vnd\.oasis\.opendocument\.(?:text|spreadsheet|presentation|graphics))"
)
_WORD_XML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<\?mso-application[^>]*>\s*)?"
    r"(?:<pkg:package\s[^>]*2006/xmlPackage|<w:wordDocument\s[^>]*word/2003/wordml)"
)
_TAG = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>", re.IGNORECASE)
_HEADER = re.compile(r"([!-9;-~]+):[ \t]?(.*)")
_COUNT = re.compile(r"\d{1,10}[ \t]*")
"""Before a mail in a file of Apple Mail."""
_TRANSPORT = {"message-id", "mime-version", "received", "return-path", "dkim-signature"}
_FHIR = re.compile(r'\s*\{.*"resourceType"\s*:\s*"[A-Z]', re.DOTALL)
"""A resource, a Bundle, or a bulk export, a resource a line."""
_COMMON = {"from", "to", "subject", "date", "cc", "reply-to", "sender"}


def recognise(
    path: Path, head: bytes, media_type: str, name: str, config: ClassifyConfig
) -> tuple[DocumentKind, str]:
    """Kind and media type of a text file; ``media_type`` is what libmagic thinks of it.

    Raises:
        Reject: it is not text of a kind that is read, or too large.
    """
    head = _without_padding(head)
    if media_type in _NOT_READ or not _is_text(head):
        raise Reject(_refusal(media_type, head))
    if head.startswith(_RICH_TEXT):
        _check_bytes(path, config.email_bytes)
        return "word", "application/rtf"
    begin = _decode_head(head)
    if _FHIR.match(begin):
        _check_bytes(path, config.text_bytes)
        return "text", "application/fhir+json"
    if flat := _FLAT_OPEN_DOCUMENT.match(begin):
        _check_bytes(path, config.text_bytes)
        return "word", flat[1]
    if _WORD_XML.match(begin):
        _check_bytes(path, config.text_bytes)
        return "word", "application/xml"
    if _SVG.match(begin):
        _check_bytes(path, config.text_bytes)
        return "html", "image/svg+xml"
    kind = _kind(begin, PurePath(name).suffix.lower())
    _check_bytes(path, config.email_bytes if kind == "email" else config.text_bytes)
    if _wide_encoding(head) is None and kind != "email" and _has_nul(path):
        raise Reject("the file begins as text but goes on as binary data")
    tabs = kind == "sheet" and PurePath(name).suffix.lower() in (".tsv", ".tab")
    return kind, "text/tab-separated-values" if tabs else _MEDIA_TYPES[kind]


def _without_padding(head: bytes) -> bytes:
    """A text without the zeros behind its end, which tapes and block devices fill up with."""
    bare = head.rstrip(b"\0")
    few = len(head) - len(bare) < _FILLING
    return head if few or not bare or b"\0" in bare else bare


def _check_bytes(path: Path, most: int) -> None:
    size = path.stat().st_size
    if size > most:
        raise Reject(
            f"the text is too large: {size / MEBIBYTE:,.1f} MiB, "
            f"at most {most / MEBIBYTE:,.0f} are read"
        )


def _refusal(media_type: str, head: bytes) -> str:
    if media_type in ("application/octet-stream", "text/plain"):
        return "the file is of no known kind"
    return f"files of type {media_type} are not read"


def _is_text(head: bytes) -> bool:
    """Whether bytes are text in some encoding: no control characters that text has no use for."""
    if _wide_encoding(head) is not None:
        wide = _decode_head(head)
        return sum(not c.isprintable() and not c.isspace() for c in wide) < 0.05 * len(wide) + 1
    control = sum(
        head.count(bytes((code,))) for code in (*range(9), 11, *range(14, 27), *range(28, 32))
    )
    if 0 in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            # Other encodings use the upper half freely, so noise is told by its control bytes.
            return control <= 0.01 * len(head)
    return control <= 0.1 * len(head)


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 by its mark, or UTF-16 without one."""
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "utf-32"
    return "utf-16" if head.startswith(_WIDE_MARKS) else unmarked_utf16(head)


def _decode_head(head: bytes) -> str:
    wide = _wide_encoding(head)
    if wide is not None:
        return head[: len(head) // 4 * 4].decode(wide, "replace")
    return head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def _has_nul(path: Path) -> bool:
    """Whether there are zeros that are not the filling behind the end."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        first = data.find(b"\x00")
        return first >= 0 and bool(data[first:].strip(b"\x00"))


def _kind(text: str, suffix: str) -> DocumentKind:
    named = _NAMED.get(suffix)
    headers = _headers(text)
    if len(headers) >= 2 and (headers & _TRANSPORT or named == "email") and headers & _COMMON:
        return "email"
    if _HTML.match(text):
        return "html"
    if named == "html" and _TAG.search(text):
        return "html"
    if named in ("markdown", "sheet", "text"):
        return named
    return "sheet" if _is_table(text) else "text"


def _headers(text: str) -> set[str]:
    """Names, in lower case, of the header fields that the text begins with."""
    names: set[str] = set()
    lines = text.lstrip()[: 64 * 1024].splitlines()
    if lines and (lines[0].startswith("From ") or _COUNT.fullmatch(lines[0])):
        del lines[0]
    for line in lines:
        if not line.strip():
            break
        if line[0] in " \t":
            continue
        match = _HEADER.match(line)
        if match is None:
            return set()
        names.add(match[1].lower())
    return names


def _is_table(text: str) -> bool:
    """Whether the first lines split into equally many cells, three or more, by one delimiter."""
    lines = text[: 16 * 1024].splitlines()[:50]
    if len(text) > 16 * 1024 and len(lines) < 50:
        del lines[-1]
    filled = [line for line in lines if line.strip()]
    if len(filled) < 3:
        return False
    for delimiter in _DELIMITERS:
        rows = list(csv.reader(filled, delimiter=delimiter))
        if len(rows[0]) < 3 or len({len(row) for row in rows}) > 1:
            continue
        following = [cell for row in rows for cell in row[1:]]
        # Prose puts a space after its commas.
        if sum(cell.startswith(" ") for cell in following) < 0.5 * len(following):
            return True
    return False
