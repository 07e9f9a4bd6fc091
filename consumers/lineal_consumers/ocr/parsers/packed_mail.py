"""What mails hold in other ways than as parts: signed and compressed mail, ``winmail.dat``, and
files that stand in the text. Each becomes the parts that it would be in an ordinary mail."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from pathlib import PurePath

from lineal_consumers.ocr.parsers.mailbox import folder_as_mail
from lineal_consumers.ocr.parsers.mime import MailPart, parse_mail
from lineal_consumers.ocr.parsers.signed_content import signed_content
from lineal_consumers.ocr.parsers.tnef import Tnef, is_tnef, read_tnef
from lineal_consumers.ocr.parsers.uuencoded import split_uuencoded

MAX_PACKINGS = 5
"""Packings inside each other; what lies deeper stays packed, as an attachment of no known kind."""
WINMAIL = "application/ms-tnef"
_SIGNED_ENDINGS = (".p7m", ".p7z")
_SIGNED_MAIL = {"", "smime.p7m", "smime.p7z"}
"""Names under which mailers put a signed mail; other names are those of signed files."""
_UNPACKED = {"content-type", "content-disposition", "content-transfer-encoding"}


def read_mail(data: bytes) -> MailPart:
    """The parts of a mail, also of what is packed in it; those of a folder are all its mails.

    Raises:
        Reject: it has more parts, or deeper ones, than are read.
    """
    return unpacked(parse_mail(folder_as_mail(data) or data))


def unpacked(part: MailPart, deep: int = MAX_PACKINGS) -> MailPart:
    """A part of a mail with what is packed in it as its parts."""
    if part.parts:
        part.parts = [unpacked(inner, deep) for inner in part.parts]
        return part
    if not deep:
        return part
    name = part.file_name.lower()
    if "pkcs7-mime" in part.content_type or name.endswith(_SIGNED_ENDINGS):
        return _signed(part, name, deep)
    if part.content_type == WINMAIL or name == "winmail.dat":
        data = part.content()
        return _winmail(part, read_tnef(data), deep) if is_tnef(data) else part
    if part.content_type == "text/plain" and part.disposition != "attachment":
        return _with_files(part)
    return part


def _signed(part: MailPart, name: str, deep: int) -> MailPart:
    content = signed_content(part.content())
    if content is None:
        return part
    if name in _SIGNED_MAIL:
        return _holding(part, "multipart/signed", [unpacked(parse_mail(content), deep - 1)])
    file = attached_part(PurePath(part.file_name).stem, content)
    return _holding(part, "multipart/signed", [unpacked(file, deep - 1)])


def _winmail(part: MailPart, packed: Tnef, deep: int) -> MailPart:
    parts = list(_winmail_parts(packed, deep))
    return _holding(part, WINMAIL if parts else "multipart/mixed", parts)


def _winmail_parts(packed: Tnef, deep: int) -> Iterator[MailPart]:
    bodies = []
    if packed.plain.strip():
        text = packed.plain.encode("utf-8", "replace")
        bodies.append(part_of("text/plain; charset=utf-8", text))
    if packed.html.strip():
        bodies.append(part_of("text/html", packed.html))
    if len(bodies) > 1:
        yield part_of("multipart/alternative", parts=bodies)
    else:
        yield from bodies
    for file in packed.files:
        if is_tnef(file.data) and deep > 1:
            inner = list(_winmail_parts(read_tnef(file.data), deep - 1))
            message = part_of("multipart/mixed", parts=inner)
            message.headers["Subject"] = file.name
            yield part_of("message/rfc822", parts=[message])
        elif file.name or file.data:
            yield attached_part(file.name or "attachment", file.data)


def _with_files(part: MailPart) -> MailPart:
    pieces = split_uuencoded(part.content())
    if len(pieces) == 1:
        return part
    kind = str(part.headers.get("Content-Type", "text/plain"))
    parts = [
        attached_part(piece.name, piece.data) if piece.name else part_of(kind, piece.data)
        for piece in pieces
        if piece.data.strip()
    ]
    return _holding(part, "multipart/mixed", parts)


def _holding(part: MailPart, content_type: str, parts: list[MailPart]) -> MailPart:
    """A part that holds others, with the headers of the one in which they were packed."""
    headers = Message()
    for name, value in part.headers.raw_items():
        if name.lower() not in _UNPACKED:
            headers.set_raw(name, value)
    headers["Content-Type"] = content_type
    return MailPart(headers, b"", content_type, parts)


def part_of(content_type: str, body: bytes = b"", parts: list[MailPart] | None = None) -> MailPart:
    """A part of a mail in no transfer encoding."""
    headers = Message()
    headers["Content-Type"] = content_type
    return MailPart(headers, body, content_type.partition(";")[0].strip().lower(), parts or [])


def attached_part(name: str, data: bytes) -> MailPart:
    """A file that is attached to a mail."""
    part = part_of("application/octet-stream", data)
    part.headers["Content-Disposition"] = "attachment"
    part.headers.set_param("filename", name, "Content-Disposition")
    return part
