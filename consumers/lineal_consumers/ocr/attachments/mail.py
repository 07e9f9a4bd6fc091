"""The files that a mail holds: its attachments, and the messages attached to it.

Those of an attached message belong to that message, which is a document of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lineal_consumers.ocr.attachments.attached_file import AttachedFile, too_large
from lineal_consumers.ocr.parsers.email import attachment_name, is_attached
from lineal_consumers.ocr.parsers.mime import MESSAGE_TYPES, MailPart, read_mail


def mail_attachments(path: Path) -> Iterator[AttachedFile]:
    """The files attached to a mail, in their order."""
    yield from _attachments(read_mail(path.read_bytes()))


def _attachments(part: MailPart) -> Iterator[AttachedFile]:
    if is_attached(part):
        yield AttachedFile(attachment_name(part), partial(_content, part))
    elif part.content_type not in MESSAGE_TYPES:
        for inner in part.parts:
            yield from _attachments(inner)


def _content(part: MailPart, limit: int) -> bytes:
    data = part.content()
    if len(data) > limit:
        raise too_large(limit)
    return data
