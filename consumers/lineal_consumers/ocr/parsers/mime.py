"""The parts of a mail (RFC 2045 to 2049), in time that grows with its length.

The parser of the standard library compares every line with every boundary that is open, and takes
time by the square of a header's parameters. Here boundaries are found in one go over a part, and
both have a limit.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

from lineal.stages import Reject
from lineal_consumers.ocr.parsers.decoding import decode, decode_declared
from lineal_consumers.ocr.parsers.uuencoded import decode_uuencoded

MESSAGE_TYPES = ("message/rfc822", "message/global")
MAX_PARTS = 5_000
MAX_DEPTH = 40
"""Multiparts and messages inside each other."""
_MAX_PARAMETERS = 8_000
"""Characters of a header with parameters; what is behind them is not looked at."""
_MAX_HEADER = 64_000
_MAX_VALUES = 1_000
"""Headers of one name; a mail has one of most."""
_HEAD_END = re.compile(rb"\r?\n[ \t]*\r?\n|\r[ \t]*\r(?!\n)")
_ENCODED = re.compile(r"=\?([^?\s*]*)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"(\?=)\s+(?==\?)")
_COUNTED = re.compile(rb"(\d{1,10})[ \t]*\r?\n(?=[!-9;-~]+:)")
"""How many bytes the mail has, before it in a file of Apple Mail; its own notes follow."""
_LEADING = b"\xef\xbb\xbf \t\r\n"


@dataclass(slots=True)
class MailPart:
    """A part of a mail: its headers, and its body or the parts inside."""

    headers: Message
    body: bytes
    content_type: str
    """In lower case, ``text/plain`` where none is stated."""
    parts: list[MailPart] = field(default_factory=list)

    def header(self, name: str) -> str:
        """All values of a header, as a reader of mails shows them."""
        wanted, charset = name.lower(), self.charset
        values = [str(raw) for key, raw in self.headers.raw_items() if key.lower() == wanted]
        return ", ".join(header_text(value, charset) for value in values[:_MAX_VALUES])

    @property
    def charset(self) -> str | None:
        """The encoding the part says its text is in."""
        return self._parameter("charset", "content-type")

    @property
    def disposition(self) -> str:
        """``attachment``, ``inline`` or nothing."""
        return str(self.headers.get("Content-Disposition", "")).partition(";")[0].strip().lower()

    @property
    def file_name(self) -> str:
        """The name of a part that is a file; empty where it has none."""
        name = self._parameter("filename", "content-disposition")
        name = name or self._parameter("name", "content-type")
        return header_text(name or "", self.charset)

    @property
    def subtype(self) -> str:
        return self.content_type.partition("/")[2]

    def content(self) -> bytes:
        """The body without its transfer encoding; broken encodings give what can be had."""
        encoding = str(self.headers.get("Content-Transfer-Encoding", "")).strip().lower()
        if encoding == "base64":
            return _base64(self.body)
        if encoding == "quoted-printable":
            return quopri.decodestring(self.body)
        if encoding in ("x-uuencode", "uuencode", "uue", "x-uue"):
            return decode_uuencoded(self.body)
        return self.body

    def text(self) -> str:
        """The body as text."""
        return decode(self.content(), self.charset)[0]

    def walk(self) -> Iterator[MailPart]:
        """This part and all inside it."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def _parameter(self, name: str, header: str) -> str | None:
        stated = self.headers.get(header)
        if stated is None:
            return None
        short = Message()
        short[header] = str(stated)[:_MAX_PARAMETERS]
        try:
            value = short.get_param(name, header=header)
        except Exception:
            return None
        if isinstance(value, tuple):
            charset, _, raw = value
            found = decode_declared(raw.encode("latin-1", "replace"), charset or "utf-8")
            return found if found is not None else raw
        return None if value is None else str(value)


def parse_mail(data: bytes) -> MailPart:
    """The parts of a mail; a byte order mark and empty lines before it are passed over.

    Raises:
        Reject: it has more parts, or deeper ones, than are read.
    """
    data = data.lstrip(_LEADING)
    if counted := _COUNTED.match(data):
        data = data[counted.end() : counted.end() + int(counted[1])]
    if data.startswith(b"From "):
        data = data.partition(b"\n")[2]
    return _Reader().part(data, 0, "text/plain")


class _Reader:
    def __init__(self) -> None:
        self._parts = 0

    def part(self, data: bytes, depth: int, usual: str) -> MailPart:
        self._parts += 1
        if self._parts > MAX_PARTS or depth > MAX_DEPTH:
            raise Reject(
                f"the mail is too large: at most {MAX_PARTS:,} parts, {MAX_DEPTH} inside each "
                "other, are read"
            )
        head, body = _split(data)
        headers = BytesHeaderParser(policy=compat32).parsebytes(head)
        stated = str(headers.get("Content-Type", "")).partition(";")[0].strip().lower()
        part = MailPart(headers, body, stated if stated.count("/") == 1 else usual)
        if part.content_type.startswith("multipart/"):
            boundary = part._parameter("boundary", "content-type")
            inside = _inside(body, boundary.rstrip()) if boundary else None
            if inside is None:
                part.content_type = "text/plain"
            else:
                usual = "message/rfc822" if part.subtype == "digest" else "text/plain"
                part.parts = [self.part(piece, depth + 1, usual) for piece in inside]
        elif part.content_type in MESSAGE_TYPES:
            part.parts = [self.part(part.content().lstrip(_LEADING), depth + 1, "text/plain")]
        return part


def _split(data: bytes) -> tuple[bytes, bytes]:
    """The headers and the body; a part may begin with the empty line that ends no headers."""
    if data[:2] in (b"\r\n", b"\n\n") or data[:1] == b"\n":
        return b"", data.lstrip(b"\r\n")
    end = _HEAD_END.search(data)
    return (data, b"") if end is None else (data[: end.start()] + b"\n", data[end.end() :])


def _inside(body: bytes, boundary: str) -> list[bytes] | None:
    """The pieces between the boundaries; None where there is not one of them."""
    mark = re.escape(boundary.encode("utf-8", "surrogateescape"))
    marks = list(re.finditer(rb"(?:\A|\r?\n|\r)--" + mark + rb"(--)?[ \t]*(?=\r|\n|\Z)", body))
    if not marks:
        return None
    pieces = []
    for at, found in enumerate(marks):
        if found[1]:
            break
        end = marks[at + 1].start() if at + 1 < len(marks) else len(body)
        begin = found.end()
        if body[begin : begin + 2] == b"\r\n":
            begin += 2
        elif body[begin : begin + 1] in (b"\n", b"\r"):
            begin += 1
        pieces.append(body[begin:end])
    return pieces


def header_text(value: str, charset: str | None) -> str:
    """A header as text: encoded words (RFC 2047) decoded, those of one charset that follow each
    other as one, as some mailers cut characters in two; bytes that are no ASCII in UTF-8, else in
    ``charset``, else as what they most likely are."""
    value = value[:_MAX_HEADER]
    if not value.isascii() and (raw := _raw_bytes(value)) is not None:
        unicode = decode_declared(raw, "utf-8")
        value = decode(raw, charset)[0] if unicode is None else unicode
    out: list[str] = []
    at = 0
    of_word, collected = "", b""
    joined = _BETWEEN.sub(r"\1", value)
    for match in _ENCODED.finditer(joined):
        between = joined[at : match.start()]
        if collected and (between or match[1].lower() != of_word):
            out.append(decode(collected, of_word)[0])
            collected = b""
        out.append(between)
        of_word = match[1].lower()
        collected += _word_bytes(match[2], match[3])
        at = match.end()
    if collected:
        out.append(decode(collected, of_word)[0])
    return " ".join("".join([*out, joined[at:]]).split())


def _raw_bytes(value: str) -> bytes | None:
    try:
        return value.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        return None


def _word_bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    if encoding in "bB":
        return _base64(raw)
    return quopri.decodestring(raw.replace(b"_", b" "), header=False)


def _base64(data: bytes) -> bytes:
    """What can be decoded; characters that do not belong there are passed over."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        kept = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
        kept = kept[: len(kept) - (len(kept) % 4 == 1)]
        return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))
