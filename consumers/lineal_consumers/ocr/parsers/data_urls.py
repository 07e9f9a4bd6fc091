"""What stands in an HTML page itself instead of a file beside it: data URLs (RFC 2397)."""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from lineal_consumers.ocr.parsers.decoding import decode

_IN_STYLE = re.compile(r"""url\(\s*(["']?)(data:image/.*?)\1\s*\)""", re.IGNORECASE | re.DOTALL)
_IN_SET = re.compile(r"data:image/\S+", re.IGNORECASE)
_DRAWING = "image/svg+xml"
_MARKUP = ("text/html", "application/xhtml+xml", _DRAWING)


class DataUrl(NamedTuple):
    """The content of a data URL."""

    media_type: str
    charset: str | None
    data: bytes

    @property
    def is_picture(self) -> bool:
        """Whether it is pixels; a drawing is markup."""
        return self.media_type.startswith("image/") and self.media_type != _DRAWING

    @property
    def markup(self) -> str | None:
        """The markup that it is, plain text as such; None where it is something else."""
        if self.media_type in _MARKUP:
            return decode(self.data, self.charset)[0]
        if self.media_type == "text/plain":
            text, _ = decode(self.data, self.charset)
            return f"<pre>{text.replace('&', '&amp;').replace('<', '&lt;')}</pre>"
        return None


def is_data_url(source: str) -> bool:
    """Whether an address is the content itself."""
    return source[:5].lower() == "data:"


def read_data_url(source: str) -> DataUrl | None:
    """The content of a data URL; None where it is damaged."""
    head, comma, body = source[5:].partition(",")
    if not comma:
        return None
    kind, *parameters = (part.strip() for part in head.split(";"))
    charset = next(
        (p[8:].strip("\"'") for p in parameters if p.lower().startswith("charset=")), None
    )
    data = unquote_to_bytes(body)
    if parameters and parameters[-1].lower() == "base64":
        try:
            data = binascii.a2b_base64(data)
        except binascii.Error:
            return None
    return DataUrl(kind.lower() or "text/plain", charset, data)


def pictures_of(tag: str, attributes: dict[str, str]) -> list[str]:
    """Where the pictures are that an element shows: those of its own, in its order of preference
    the first, and that behind it."""
    shown: list[str] = []
    if tag in ("img", "embed") or (
        tag == "input" and attributes.get("type", "").lower() == "image"
    ):
        shown.append(attributes.get("src", ""))
    elif tag == "object":
        shown.append(attributes.get("data", ""))
    elif tag == "video":
        shown.append(attributes.get("poster", ""))
    elif tag == "image":
        shown.append(attributes.get("href", "") or attributes.get("xlink:href", ""))
    if tag in ("img", "source") and not (shown and is_data_url(shown[0].strip())):
        # Of several sizes of one picture one is shown.
        shown += _IN_SET.findall(attributes.get("srcset", ""))[:1]
    if "style" in attributes:
        shown += [match[2] for match in _IN_STYLE.finditer(attributes["style"])]
    return [source.strip() for source in shown if source.strip()]


def framed_markup(tag: str, attributes: dict[str, str]) -> str | None:
    """The page that an element shows inside of this one and that stands in the file; None where it
    shows none, or one from elsewhere."""
    if tag == "iframe" and "srcdoc" in attributes:
        return attributes["srcdoc"]
    name = {"iframe": "src", "frame": "src", "embed": "src", "object": "data"}.get(tag)
    source = attributes.get(name, "").strip() if name else ""
    if not is_data_url(source):
        return None
    content = read_data_url(source)
    return content.markup if content else None
