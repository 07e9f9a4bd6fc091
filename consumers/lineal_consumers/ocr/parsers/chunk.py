"""Content of another format inside a document: parts that Word takes in when it opens it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from lineal_consumers.ocr.parsers.parsed import Parsed, ParsedPage

_ARCHIVE_ENDINGS = (".mht", ".mhtml")
_TEXT_ENDINGS = (".txt", ".text")


def chunk_page(data: bytes, name: str, read_word: Callable[[Path], Parsed]) -> ParsedPage:
    """The page that some HTML, MHTML, RTF, DOCX or text makes; what it is, is told by its bytes.

    Args:
        read_word: reads a file of Word without its chunks.

    A chunk's own chunks are a doubt: no program writes such files.
    """
    if data.startswith(b"PK\x03\x04"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            return _only_page(read_word(Path(file.name)).pages)
    if data.startswith(b"{\\rtf"):
        from lineal_consumers.ocr.parsers.rich_text import rich_text_page

        return rich_text_page(data)
    if name.lower().endswith(_ARCHIVE_ENDINGS):
        from lineal_consumers.ocr.parsers.email import page_of_mail
        from lineal_consumers.ocr.parsers.packed_mail import read_mail

        return page_of_mail(read_mail(data))
    if name.lower().endswith(_TEXT_ENDINGS):
        from lineal_consumers.ocr.parsers.decoding import decode

        return ParsedPage(decode(data)[0])
    from lineal_consumers.ocr.parsers.html import html_page

    return html_page(data)[0]


def _only_page(pages: list[ParsedPage]) -> ParsedPage:
    return pages[0] if pages else ParsedPage("")
