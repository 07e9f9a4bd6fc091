"""Writes the searchable PDF of a document page by page, as it is read or as people corrected it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lineal.stages import Reject
from lineal_schemas.documents import DocumentKind
from lineal_schemas.results import Page, TextResult, Word

if TYPE_CHECKING:
    from lineal_consumers.ocr.searchable_pdf import ImagePdf, PdfOverlay


class TextLayerWriter:
    """The searchable PDF, begun with the first page that needs it."""

    def __init__(self, path: str, kind: DocumentKind) -> None:
        self._path = path
        self._kind = kind
        self._writer: PdfOverlay | ImagePdf | None = None
        self._impossible = kind not in ("pdf", "image")

    def add(self, page: Page, text: str) -> None:
        """A page as it was read; one with a text layer of its own needs nothing."""
        if page.source != "ocr":
            return
        if self._kind == "pdf":
            # What is certain stands in the page's own text layer.
            page = _with_words(page, (word for word in page.words if word.confidence < 1))
        self._write(page, text)

    def add_corrected(self, page: Page, text: str, read: Page, read_text: str) -> None:
        """A page as people corrected it.

        Args:
            read: the page as it was read before, in ``read_text``.
        """
        taken_away = False
        if self._kind == "pdf":
            own = {
                (read_text[word.begin : word.end], word[3:7])
                for word in read.words
                if word.confidence == 1 or read.source != "ocr"
            }
            said = {(text[word.begin : word.end], word[3:7]) for word in page.words}
            # Else the file would still be found by words that people have taken away.
            taken_away = not own <= said
            if not taken_away:
                page = _with_words(
                    page,
                    (
                        word
                        for word in page.words
                        if (text[word.begin : word.end], word[3:7]) not in own
                    ),
                )
        elif read.source != "ocr":
            return
        if not page.words and not read.words:
            page = _spread(page, text)
        self._write(page, text, replace=taken_away)

    def _write(self, page: Page, text: str, *, replace: bool = False) -> None:
        if self._impossible or (self._kind == "pdf" and not page.words and not replace):
            return
        import pikepdf
        import pypdfium2 as pdfium

        from lineal_consumers.ocr.searchable_pdf import ImagePdf, PdfOverlay

        try:
            if self._writer is None:
                make = PdfOverlay if self._kind == "pdf" else ImagePdf
                self._writer = make(self._path)
            if replace and isinstance(self._writer, PdfOverlay):
                self._writer.replace(page, text)
            else:
                self._writer.add(page, text)
        except (
            Reject,
            pikepdf.PdfError,
            pikepdf.PasswordError,
            pdfium.PdfiumError,
            ValueError,
            TypeError,
        ):
            # pdfium repairs files that qpdf does not; their text is worth more than their PDF.
            self._impossible = True

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be laid over the pages, rather than nothing can be."""
        return self._writer is None and not self._impossible

    def to_bytes(self) -> bytes | None:
        """The PDF; None where the file needs none or none can be written."""
        if self._impossible or self._writer is None:
            return None
        import pikepdf

        try:
            return self._writer.to_bytes()
        except pikepdf.PdfError:
            return None


def write_corrected_pdf(
    path: str, kind: DocumentKind, read: bytes, corrected: bytes
) -> bytes | None:
    """The searchable PDF of a document whose text people have corrected.

    Args:
        path: of the document's bytes.
        read: the gzipped TextResult as it was read before.
        corrected: the gzipped TextResult as people have corrected it.

    Returns:
        None where there can be no such PDF.
    """
    before, after = TextResult.from_gzip(read), TextResult.from_gzip(corrected)
    pages = {page.number: page for page in before.pages}
    writer = TextLayerWriter(path, kind)
    for page in after.pages:
        was = pages.get(page.number)
        if was is None or (after.text[page.begin : page.end] == before.text[was.begin : was.end]):
            writer.add(page, after.text)
        else:
            writer.add_corrected(page, after.text, was, before.text)
    made = writer.to_bytes()
    if made is None and writer.is_empty and kind == "pdf":
        return Path(path).read_bytes()  # all that was laid over it is taken away
    return made


def _with_words(page: Page, words: Iterator[Word]) -> Page:
    return page.model_copy(update={"words": tuple(words)})


def _spread(page: Page, text: str) -> Page:
    """A page of which the machine read nothing: where its words stand nobody has said, so each line
    is spread over the page, in their order."""
    lines = [line for line in _lines(text, page.begin, page.end) if line]
    words: list[Word] = []
    for number, line in enumerate(lines):
        begin, length = line[0][0], line[-1][1] - line[0][0]
        for first, last in line:
            words.append(
                Word(first, last, 1.0, (first - begin) / length, number / len(lines),
                     (last - first) / length, 0.8 / len(lines), number)
            )  # fmt: skip
    return page.model_copy(update={"words": tuple(words)})


def _lines(text: str, begin: int, end: int) -> Iterator[list[tuple[int, int]]]:
    """The places of the words of a text, line by line."""
    at = begin
    for line in text[begin:end].split("\n"):
        yield [(at + word.start(), at + word.end()) for word in re.finditer(r"\S+", line)]
        at += len(line) + 1
