"""Calendars and cards (RFC 5545 and 6350, and vCalendar and vCard before them): their content lines
as a person reads them.

In the file a line is folded where it grows too long, in the middle of words, and breaks within a
value are written as ``\\n``: as it stands no search finds these words.
"""

from __future__ import annotations

import binascii
import quopri
import re

from lineal_consumers.ocr.parsers.decoding import decode
from lineal_consumers.ocr.parsers.parsed import Picture

_BEGIN = re.compile(r"\s*BEGIN:(?:VCALENDAR|VCARD)\b", re.IGNORECASE)
_FOLD = re.compile(r"\r?\n[ \t]")
_ESCAPED = re.compile(r"\\([\\;,:nN])")
_CHARSET = re.compile(r"CHARSET=\"?([\w.:-]+)", re.IGNORECASE)
_QUOTED = re.compile("QUOTED-PRINTABLE", re.IGNORECASE)
_PACKED = re.compile(r"ENCODING=B(?:ASE64)?\b|;BASE64\b", re.IGNORECASE)
_DATA_URL = re.compile(r"data:([^,;]*);base64,", re.IGNORECASE)
_PICTURES = ("PHOTO", "LOGO")


def is_content_lines(text: str) -> bool:
    """Whether a text is a calendar or a card."""
    return _BEGIN.match(text) is not None


def content_lines(text: str) -> list[str]:
    """The content lines of a calendar or card, each whole."""
    lines: list[str] = []
    for line in _FOLD.sub("", text).splitlines():
        if lines and lines[-1].endswith("=") and _QUOTED.search(lines[-1].partition(":")[0]):
            # As vCard 2.1 breaks values in this encoding, without the blank of a fold.
            lines[-1] = lines[-1][:-1] + line
        else:
            lines.append(line)
    return lines


def value_of(head: str, value: str) -> str:
    """What the value behind a name with its parameters means."""
    if _QUOTED.search(head):
        charset = _CHARSET.search(head)
        value = decode(quopri.decodestring(value.encode()), charset[1] if charset else None)[0]
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def readable_lines(text: str) -> tuple[str, list[Picture]]:
    """The content lines of a calendar or card with what their values mean, and the pictures among
    these. What is packed and no picture is left out."""
    lines: list[str] = []
    pictures: list[Picture] = []
    for line in content_lines(text):
        head, colon, value = line.partition(":")
        packed = _DATA_URL.match(value)
        if not colon:
            lines.append(line)
        elif packed or _PACKED.search(head):
            name = head.partition(";")[0].rpartition(".")[2].upper()
            if name in _PICTURES or (packed and packed[1].lower().startswith("image/")):
                data = _unpacked(value[packed.end() :] if packed else value)
                pictures.append(Picture(f"picture {len(pictures) + 1}", data))
        else:
            lines.append(f"{head}:{value_of(head, value)}")
    return "\n".join(lines), pictures


def _unpacked(value: str) -> bytes:
    try:
        return binascii.a2b_base64(value)
    except (binascii.Error, ValueError):
        return b""
