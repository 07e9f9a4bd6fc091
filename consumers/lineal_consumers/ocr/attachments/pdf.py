"""The files that a PDF holds: of its portfolio, of its list of attachments, and of annotations.

Source: ISO 32000-1, 7.7.4 (name trees), 7.11.4 (embedded files), 12.5.6.15 (annotations);
ISO 32000-2, 14.13 (associated files).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineal_consumers.ocr.attachments.attached_file import (
    AttachedFile,
    UnreadableAttachment,
    too_large,
)

if TYPE_CHECKING:
    import pikepdf

_CHUNK = 1 << 20
_MAX_ANNOTATIONS = 10_000
"""A page; more are a drawing."""
_EXPANDING = frozenset({"/FlateDecode", "/Fl", "/LZWDecode", "/LZW", "/RunLengthDecode", "/RL"})
_MAX_PACKED = 1 << 20
"""Bytes of a stream that is unpacked as a whole: filters but a single Flate know no limit."""


def pdf_attachments(path: Path) -> Iterator[AttachedFile]:
    """The files in a PDF, each once. Names without bytes where the PDF's own password is missing:
    pages may be open to all and attachments not."""
    import pikepdf

    try:
        pdf = pikepdf.open(path, suppress_warnings=True)
    except pikepdf.PasswordError:
        yield from _locked(path)
        return
    except pikepdf.PdfError:
        # What only PDFium can open is read, and its attachments, which only qpdf hands out
        # without unpacking them first, are named.
        yield from _locked(path, "the PDF is damaged: its attachments cannot be unpacked")
        return
    seen: set[tuple[int, int]] = set()
    with pdf:
        for specification in _specifications(pdf):
            stream = _embedded(specification)
            if stream is None or (stream.objgen in seen and stream.objgen != (0, 0)):
                continue
            seen.add(stream.objgen)
            yield AttachedFile(_name(specification), partial(_unpacked, stream))


def _locked(
    path: Path, why: str = "the attachment is encrypted: it can only be read with its password"
) -> Iterator[AttachedFile]:
    import pypdfium2 as pdfium

    def refuse(_limit: int) -> bytes:
        raise UnreadableAttachment(why)

    document = pdfium.PdfDocument(path)
    try:
        for number in range(document.count_attachments()):
            yield AttachedFile(document.get_attachment(number).get_name(), refuse)
    finally:
        document.close()


def _specifications(pdf: pikepdf.Pdf) -> Iterator[Any]:
    import pikepdf

    try:
        names = pdf.Root.Names.EmbeddedFiles
        yield from (value for _, value in pikepdf.NameTree(names).items())
    except (AttributeError, KeyError, TypeError, ValueError, pikepdf.PdfError):
        pass
    yield from _associated(pdf.Root)
    for page in pdf.pages:
        yield from _associated(page.obj)
        annotations = page.obj.get("/Annots")
        if not isinstance(annotations, pikepdf.Array):
            continue
        for index in range(min(len(annotations), _MAX_ANNOTATIONS)):
            annotation = annotations[index]
            if (
                isinstance(annotation, pikepdf.Dictionary)
                and annotation.get("/Subtype") == "/FileAttachment"
            ):
                yield annotation.get("/FS")


def _associated(holder: Any) -> Iterator[Any]:
    """Files that belong to the document or to a page, which need not be in the list of
    attachments: the data of an invoice."""
    import pikepdf

    files = holder.get("/AF")
    if isinstance(files, pikepdf.Array):
        for index in range(min(len(files), _MAX_ANNOTATIONS)):
            yield files[index]


def _embedded(specification: Any) -> pikepdf.Stream | None:
    import pikepdf

    if not isinstance(specification, pikepdf.Dictionary):
        return None
    files = specification.get("/EF")
    if not isinstance(files, pikepdf.Dictionary):
        return None
    for key in ("/UF", "/F", "/Unix", "/Mac", "/DOS"):
        stream = files.get(key)
        if isinstance(stream, pikepdf.Stream):
            return stream
    return None


def _name(specification: Any) -> str:
    import pikepdf

    for key in ("/UF", "/F", "/Desc"):
        name = specification.get(key)
        if isinstance(name, pikepdf.String):
            return str(name)
    return ""


def _unpacked(stream: pikepdf.Stream, limit: int) -> bytes:
    import pikepdf

    try:
        filters = _filters(stream)
        packed = stream.read_raw_bytes()
        if not filters:
            data = packed
        elif filters in (["/FlateDecode"], ["/Fl"]) and "/DecodeParms" not in stream:
            data = _inflated(packed, limit)
        elif len(packed) > _MAX_PACKED and _EXPANDING.intersection(filters):
            raise UnreadableAttachment("the attachment is packed in a way that has no bound")
        else:
            data = stream.read_bytes()
    except (pikepdf.PdfError, zlib.error, NotImplementedError) as error:
        raise UnreadableAttachment("the attachment is damaged: it cannot be unpacked") from error
    if len(data) > limit:
        raise too_large(limit)
    return data


def _filters(stream: pikepdf.Stream) -> list[str]:
    import pikepdf

    stated = stream.get("/Filter")
    if stated is None:
        return []
    return [str(name) for name in stated] if isinstance(stated, pikepdf.Array) else [str(stated)]


def _inflated(packed: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj()
    pieces: list[bytes] = []
    size = 0
    while not unpacker.eof:
        piece = unpacker.decompress(packed, _CHUNK)
        packed = unpacker.unconsumed_tail
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise too_large(limit)
    return b"".join(pieces)
