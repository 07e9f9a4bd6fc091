"""The types of files that a reader of attachments returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from lineal.errors import LinealError

_MAX_NAME = 255


class AttachedFile(NamedTuple):
    """A file that lies in another one, not yet unpacked."""

    name: str
    """As its document calls it; "" where it does not say."""
    read: Callable[[int], bytes]
    """Its bytes, given how many there may be at most. Raises UnreadableAttachment when there are
    more, or when it cannot be had."""
    labels: Mapping[str, str] = {}
    """What its document says of it."""


class UnreadableAttachment(LinealError):
    """An attachment that cannot be had; the text says why."""


def too_large(limit: int) -> UnreadableAttachment:
    return UnreadableAttachment(f"the attachment is too large: at most {limit:,} bytes are read")


def file_name(stated: str, number: int) -> str:
    """The name of an attachment without folders and control characters."""
    last = stated.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    shown = "".join(character for character in last if character.isprintable()).strip(" .")
    return shown[-_MAX_NAME:] or f"attachment {number}"
