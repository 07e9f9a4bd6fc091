"""Parses and compares media types (RFC 2045 section 5.1, RFC 6838 section 4.2.8).

Type, subtype and the names of parameters are the same in any case, and a subtype that ends in
``+json`` is JSON whatever its prefix. JSON is UTF-8 (RFC 8259, section 8.1).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

JSON_MEDIA_TYPE = "application/json"

_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_ESSENCE = re.compile(rf"[ \t]*({_NAME})/({_NAME})[ \t]*(?=;|\Z)")
_PARAMETER = re.compile(
    rf';[ \t]*(?:({_NAME})[ \t]*=[ \t]*({_NAME}|"(?:[^"\\]|\\.)*")[ \t]*)?', re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UTF8 = frozenset(("utf-8", "utf8", "us-ascii"))
"""``us-ascii`` is UTF-8 that makes little use of it."""
_EVENT = "application/cloudevents"


class MediaType(NamedTuple):
    """A media type, read."""

    essence: str
    """``type/subtype`` in small letters."""
    parameters: dict[str, str]
    """By name in small letters; of a name that is there twice, the first."""

    @property
    def is_json(self) -> bool:
        """Whether data of this type is JSON (CloudEvents JSON format, section 3.1)."""
        subtype = self.essence.rpartition("/")[2]
        return subtype == "json" or subtype.endswith("+json")


@lru_cache(maxsize=1024)
def parse_media_type(text: str) -> MediaType | None:
    """Read a media type; None where it is none."""
    begin = _ESSENCE.match(text)
    if begin is None:
        return None
    parameters: dict[str, str] = {}
    place = begin.end()
    while place < len(text):
        parameter = _PARAMETER.match(text, place)
        if parameter is None:
            return None
        place = parameter.end()
        name, value = parameter.groups()
        if name is not None:
            if value[0] == '"':
                value = _ESCAPED.sub(r"\1", value[1:-1])
            parameters.setdefault(name.lower(), value)
    return MediaType(f"{begin[1]}/{begin[2]}".lower(), parameters)


def is_media_type(text: str, essence: str) -> bool:
    """Whether a media type is ``essence`` (``type/subtype`` in small letters), whatever its case
    and its parameters."""
    if text == essence:
        return True
    media_type = parse_media_type(text)
    return media_type is not None and media_type.essence == essence


def is_json(text: str) -> bool:
    """Whether data of a media type is JSON, in whatever character set."""
    if text == JSON_MEDIA_TYPE:
        return True
    media_type = parse_media_type(text)
    return media_type is not None and media_type.is_json


def json_problem(text: str) -> str | None:
    """Why data of a media type cannot be read as JSON in UTF-8; None where it can."""
    if text == JSON_MEDIA_TYPE:
        return None
    media_type = parse_media_type(text)
    if media_type is None:
        return f"the data is {text!r}, which is no media type and not {JSON_MEDIA_TYPE}"
    if not media_type.is_json:
        return f"the data is {text}, not {JSON_MEDIA_TYPE}"
    charset = media_type.parameters.get("charset")
    if charset is not None and charset.lower() not in _UTF8:
        return f"the data is {text}: JSON is written in UTF-8, not in {charset}"
    return None


def is_structured(content_type: str) -> bool:
    """Whether a message's media type says that all of it is an event, or a batch of them (the
    CloudEvents bindings compare the beginning, in any case)."""
    return content_type.lstrip(" \t")[: len(_EVENT)].lower() == _EVENT
