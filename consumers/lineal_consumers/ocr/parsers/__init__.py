"""Parsers of the files that have neither a text layer nor pixels: texts, Office files, e-mails."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

from lineal.stages import Reject
from lineal_consumers.ocr.parsers.parsed import Parsed, ParsedPage
from lineal_schemas.documents import DocumentKind, PageRange
from lineal_schemas.results import TextResult

_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""What Outlook's messages and Office files from before 2007 begin with."""


def parse_document(path: Path, kind: DocumentKind, pages: PageRange) -> TextResult:
    """:func:`parse_pages` as a result, without what is in pictures."""
    return parse_pages(path, kind, pages).result(first=pages.first)


def parse_pages(path: Path, kind: DocumentKind, pages: PageRange) -> Parsed:
    """Read the pages ``pages.first`` to ``pages.last`` of a file of one of the ``parse`` kinds.

    The sheets of a spreadsheet are its pages; every other file is one page. Exactly the pages
    asked for are returned; those that the file does not have are empty. Pages have no size and
    no words, as there is nothing to see them on.

    Raises:
        Reject: the file cannot be read as what it claims to be, or holds too much.
        ValueError: ``kind`` has no parser.
    """
    read = _PARSERS.get(kind)
    if read is None:
        raise ValueError(f"no parser reads kind {kind!r}")
    try:
        parsed = read(path)
    except (Reject, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        # A parser that stumbles over these bytes will do so each time; retrying helps nobody.
        raise Reject(f"the {kind} file is damaged: {type(error).__name__} while parsing") from error
    wanted = range(pages.first, pages.last + 1)
    chosen = [
        parsed.pages[number - 1] if number <= len(parsed.pages) else ParsedPage("")
        for number in wanted
    ]
    return Parsed(parsed.engine, chosen)


def _text(path: Path) -> Parsed:
    from lineal_consumers.ocr.parsers.text import read_text

    return read_text(path)


def _markdown(path: Path) -> Parsed:
    from lineal_consumers.ocr.parsers.markdown import read_markdown

    return read_markdown(path)


def _html(path: Path) -> Parsed:
    from lineal_consumers.ocr.parsers.html import read_html

    return read_html(path)


def _word(path: Path) -> Parsed:
    from zipfile import is_zipfile

    from lineal_consumers.ocr.parsers.book import read_book
    from lineal_consumers.ocr.parsers.open_xml import Package
    from lineal_consumers.ocr.parsers.opendocument import (
        is_open_document,
        read_flat_open_document,
        read_open_document,
    )
    from lineal_consumers.ocr.parsers.rich_text import read_rich_text
    from lineal_consumers.ocr.parsers.slides import read_slides
    from lineal_consumers.ocr.parsers.word import read_word
    from lineal_consumers.ocr.parsers.word_xml import MAX_BEGIN, is_flat_word, read_flat_word

    begin = _begin(path)
    if begin.startswith(b"{\\rtf"):
        return read_rich_text(path)
    if begin == _COMPOUND:
        return _old_office(path, "word")
    if is_open_document(path):
        return read_open_document(path)
    if not is_zipfile(path):
        with path.open("rb") as file:
            of_word = is_flat_word(file.read(MAX_BEGIN))
        return read_flat_word(path) if of_word else read_flat_open_document(path)
    with Package(path) as package:
        if "META-INF/container.xml" in package:
            read = read_book
        else:
            read = read_slides if package.main_part().startswith("ppt/") else read_word
    return read(path)


def _sheet(path: Path) -> Parsed:
    import zipfile

    from lineal_consumers.ocr.parsers.delimited import read_delimited
    from lineal_consumers.ocr.parsers.opendocument import is_open_document, read_open_document
    from lineal_consumers.ocr.parsers.workbook import read_workbook

    if _begin(path) == _COMPOUND:
        return _old_office(path, "sheet")
    if is_open_document(path):
        return read_open_document(path)
    return read_workbook(path) if zipfile.is_zipfile(path) else read_delimited(path)


def _begin(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_COMPOUND))


def _old_office(path: Path, kind: DocumentKind) -> Parsed:
    from lineal_consumers.ocr.parsers.old_office import read_old_office

    return read_old_office(path, kind)


def _email(path: Path) -> Parsed:
    if _begin(path) == _COMPOUND:
        from lineal_consumers.ocr.parsers.outlook import read_outlook

        return read_outlook(path)
    from lineal_consumers.ocr.parsers.email import read_email

    return read_email(path)


_PARSERS: dict[DocumentKind, Callable[[Path], Parsed]] = {
    "text": _text,
    "markdown": _markdown,
    "html": _html,
    "word": _word,
    "sheet": _sheet,
    "email": _email,
}
