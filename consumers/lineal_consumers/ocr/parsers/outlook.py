"""Outlook's messages (MSG): compound files whose streams are properties (MS-OXMSG, MS-OXPROPS)."""

from __future__ import annotations

import datetime
import struct
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING

from lineal_consumers.ocr.parsers.decoding import decode
from lineal_consumers.ocr.parsers.email import page_of_mail
from lineal_consumers.ocr.parsers.mime import MailPart
from lineal_consumers.ocr.parsers.outlook_items import item_lines
from lineal_consumers.ocr.parsers.packed_mail import (
    attached_part,
    part_of,
    read_mail,
    unpacked,
)
from lineal_consumers.ocr.parsers.packed_rich_text import text_of_packed
from lineal_consumers.ocr.parsers.parsed import Parsed, check_amount, engine

if TYPE_CHECKING:
    from olefile import OleFileIO  # type: ignore[import-untyped]

_STREAM = "__substg1.0_"
_ATTACHMENT = "__attach_version1.0_"
_PROPERTIES = "__properties_version1.0"
_SUBJECT, _BODY, _HTML, _RTF = "0037", "1000", "1013", "1009"
_CLASS, _NAMES = "001A", "__nameid_version1.0"
_SENT, _TIME = 0x0039, 0x0040
_SENDER = ("0C1A", "0042")
_SENDER_ADDRESS = ("5D01", "5D02", "0C1F", "0065")
_SHOWN = (("To", "0E04"), ("Cc", "0E03"), ("Bcc", "0E02"))
_DATA, _LONG_NAME, _SHORT_NAME, _MIME = "3701", "3707", "3704", "370E"
_MAX_STREAM = 100 * 1024 * 1024
_MAX_DEPTH = 10
_LAST_TIME = 1 << 61
_FILETIME_EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)


def read_outlook(path: Path) -> Parsed:
    """The message as a mail is read: headers, body, names of attachments, as one page."""
    return Parsed(engine("olefile", format="msg"), [page_of_mail(outlook_mail(path))])


def outlook_mail(path: Path) -> MailPart:
    """The message as the mail that it was sent as, or would be."""
    import olefile

    with olefile.OleFileIO(path) as file:
        return _message(file, [], 0)


def _message(file: OleFileIO, folder: list[str], depth: int) -> MailPart:
    headers = Message()
    for name, value in _headers(file, folder):
        headers[name] = value
    bodies = list(_bodies(file, folder))
    parts = [part_of("multipart/alternative", parts=bodies)] if len(bodies) > 1 else bodies
    about = "\n".join(
        item_lines(
            _text(file, folder, _CLASS),
            lambda tag: _text(file, folder, tag),
            _times(file, folder),
            lambda name: _bytes(file, [_NAMES], name),
        )
    )
    if about:
        parts.insert(0, part_of("text/plain; charset=utf-8", about.encode("utf-8", "replace")))
    parts += _attachments(file, folder, depth)
    return MailPart(headers, b"", "multipart/mixed", parts)


def _headers(file: OleFileIO, folder: list[str]) -> Iterator[tuple[str, str]]:
    name = next(filter(None, (_text(file, folder, tag) for tag in _SENDER)), "")
    addresses = (_text(file, folder, tag) for tag in _SENDER_ADDRESS)
    address = next((found for found in addresses if "@" in found), "")
    if name or address:
        yield "From", f"{name} <{address}>" if address and name != address else name or address
    for header, tag in _SHOWN:
        if value := _text(file, folder, tag):
            yield header, value.replace("\x00", "")
    if sent := _times(file, folder).get(_SENT):
        yield "Date", sent.strftime("%a, %d %b %Y %H:%M:%S +0000")
    yield "Subject", _text(file, folder, _SUBJECT)


def _bodies(file: OleFileIO, folder: list[str]) -> Iterator[MailPart]:
    plain = _text(file, folder, _BODY)
    html = _bytes(file, folder, _HTML + "0102") or _text(file, folder, _HTML).encode()
    if plain.strip():
        yield part_of("text/plain; charset=utf-8", plain.encode("utf-8", "replace"))
    if html:
        yield part_of("text/html", html)
    packed = _bytes(file, folder, _RTF + "0102")
    if packed and not html and not plain.strip():
        text = text_of_packed(packed)
        yield part_of("text/plain; charset=utf-8", text.encode("utf-8", "replace"))


def _attachments(file: OleFileIO, folder: list[str], depth: int) -> Iterator[MailPart]:
    storages = sorted(
        {
            entry[len(folder)]
            for entry in file.listdir()
            if entry[: len(folder)] == folder
            and len(entry) > len(folder)
            and entry[len(folder)].startswith(_ATTACHMENT)
        }
    )
    for storage in storages:
        inside = [*folder, storage]
        embedded = [*inside, f"{_STREAM}{_DATA}000D"]
        if file.exists([*embedded, _PROPERTIES]):
            if depth < _MAX_DEPTH:
                yield part_of("message/rfc822", parts=[_message(file, embedded, depth + 1)])
            continue
        names = (_text(file, inside, tag) for tag in (_LONG_NAME, _SHORT_NAME))
        name = next(filter(None, names), "attachment")
        yield _attached(file, inside, name, _bytes(file, inside, _DATA + "0102"))


def _attached(file: OleFileIO, folder: list[str], name: str, data: bytes) -> MailPart:
    """An attachment; of a signed message it is the message (MS-OXOSMIME 2.1.3)."""
    stated = _text(file, folder, _MIME).lower()
    if stated == "multipart/signed":
        signed = read_mail(data)
        if signed.parts:
            return signed
    part = attached_part(name, data)
    if "pkcs7-mime" in stated:
        part.content_type = stated
    return unpacked(part)


def _bytes(file: OleFileIO, folder: list[str], name: str) -> bytes:
    path = [*folder, _STREAM + name]
    if not file.exists(path):
        return b""
    with file.openstream(path) as stream:
        data = bytes(stream.read(_MAX_STREAM + 1))
    check_amount(len(data) // (_MAX_STREAM + 1) * _MAX_STREAM)
    return data


def _text(file: OleFileIO, folder: list[str], tag: str) -> str:
    if wide := _bytes(file, folder, tag + "001F"):
        return wide.decode("utf-16-le", "replace").rstrip("\x00")
    return decode(_bytes(file, folder, tag + "001E"))[0].rstrip("\x00")


def _times(file: OleFileIO, folder: list[str]) -> dict[int, datetime.datetime]:
    """The properties of an item that are times, by their tags."""
    path = [*folder, _PROPERTIES]
    if not file.exists(path):
        return {}
    with file.openstream(path) as stream:
        data = stream.read(1 << 20)
    found = {}
    for at in range(32 if not folder else 24, len(data) - 15, 16):
        kind, tag, _, value = struct.unpack_from("<HHIQ", data, at)
        if kind == _TIME and 0 < value < _LAST_TIME:
            found[tag] = _FILETIME_EPOCH + datetime.timedelta(microseconds=value // 10)
    return found
