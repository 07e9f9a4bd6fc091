"""The files that a mail holds: its attachments, and the messages attached to it.

Those of an attached message belong to that message, which is a document of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lineal_consumers.ocr.attachments.attached_file import AttachedFile, too_large
from lineal_consumers.ocr.parsers.email import attachment_name, is_attached
from lineal_consumers.ocr.parsers.mime import MESSAGE_TYPES, MailPart
from lineal_consumers.ocr.parsers.packed_mail import read_mail

_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def mail_attachments(path: Path) -> Iterator[AttachedFile]:
    """The files attached to a mail, in their order. Messages inside one of Outlook's are not among
    them: they are no files there, and are read as a part of it; their files are."""
    with path.open("rb") as file:
        begin = file.read(len(_COMPOUND))
    if begin != _COMPOUND:
        yield from _attachments(read_mail(path.read_bytes()))
        return
    from lineal_consumers.ocr.parsers.outlook import outlook_mail

    yield from _attachments(outlook_mail(path))


def _attachments(part: MailPart) -> Iterator[AttachedFile]:
    no_file = part.content_type in MESSAGE_TYPES and not part.body
    if is_attached(part) and not no_file:
        yield AttachedFile(attachment_name(part), partial(_content, part))
    else:
        for inner in part.parts:
            yield from _attachments(inner)


def _content(part: MailPart, limit: int) -> bytes:
    data = part.content()
    if len(data) > limit:
        raise too_large(limit)
    return data
