"""Which kinds of documents have attachments, and getting at them in a worker process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from lineal_consumers.ocr.attachments.attached_file import (
    AttachedFile,
    UnreadableAttachment,
    file_name,
)
from lineal_consumers.ocr.attachments.config import AttachmentsConfig
from lineal_schemas.documents import DocumentKind

_PORTION = 32 * 1024 * 1024
"""Bytes of attachments that are handed over at a time, or one that is larger."""


class Unpacked(NamedTuple):
    """An attachment's bytes, or why there are none."""

    name: str
    data: bytes
    problem: str | None
    labels: Mapping[str, str] = {}


def _pdf(path: Path) -> Iterator[AttachedFile]:
    from lineal_consumers.ocr.attachments.pdf import pdf_attachments

    return pdf_attachments(path)


def _email(path: Path) -> Iterator[AttachedFile]:
    from lineal_consumers.ocr.attachments.mail import mail_attachments

    return mail_attachments(path)


def _office(path: Path) -> Iterator[AttachedFile]:
    from lineal_consumers.ocr.attachments.office import office_attachments

    return office_attachments(path)


def _fhir(path: Path) -> Iterator[AttachedFile]:
    from lineal_consumers.ocr.attachments.fhir import fhir_attachments

    return fhir_attachments(path)


_READERS: dict[DocumentKind, Callable[[Path], Iterator[AttachedFile]]] = {
    "pdf": _pdf,
    "email": _email,
    "word": _office,
    "sheet": _office,
    "text": _fhir,
}


def may_have_attachments(kind: DocumentKind, media_type: str) -> bool:
    """Whether documents of a kind are looked at: of texts, those in FHIR."""
    return kind in _READERS and (kind != "text" or media_type == "application/fhir+json")


def unpack(
    path: str, kind: DocumentKind, first: int, config: AttachmentsConfig
) -> tuple[list[Unpacked], bool]:
    """Unpack attachments from number ``first`` (from 0) on, as many as are handed over at a time;
    also returned is whether there may be more."""
    unpacked: list[Unpacked] = []
    size = 0
    found = _READERS[kind](Path(path))
    for number, attached in enumerate(islice(found, first, None), first + 1):
        name = file_name(attached.name, number)
        if number > config.files:
            reason = f"the document has more than {config.files:,} attachments"
            return [*unpacked, Unpacked(name, b"", reason)], False
        try:
            data = attached.read(config.file_bytes)
        except UnreadableAttachment as error:
            unpacked.append(Unpacked(name, b"", str(error), attached.labels))
            continue
        unpacked.append(Unpacked(name, data, None, attached.labels))
        size += len(data)
        if size >= _PORTION:
            return unpacked, True
    return unpacked, False
