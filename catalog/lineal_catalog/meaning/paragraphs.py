"""Splits the text of a document into the paragraphs that are embedded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lineal_catalog.summaries.sentences import split_sentences
from lineal_schemas.results import PAGE_SEPARATOR

_BLANK = re.compile(r"\n[ \t]*\n\s*")
_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*•–]|\d{1,2}[.)])\s)")
_LONGEST = 900
"""In characters: about the 256 word pieces that a small network reads."""
_TOGETHER = 600
"""In characters: short paragraphs are embedded together up to here."""
_LONGEST_HEADING = 90
_SENTENCE_END = (".", "!", "?", ":", ";", ",", "。")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of a document."""

    page: int
    """From 1."""
    begin: int
    """Offset in the document's text, in code points, as ``end``."""
    end: int
    heading: str
    """The title and the heading it stands under; empty where there are none."""
    text: str

    @property
    def embedded_text(self) -> str:
        """What its vector is made of."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


def split_paragraphs(text: str) -> list[Paragraph]:
    """The paragraphs of a text whose pages are separated by :data:`PAGE_SEPARATOR`, in order.

    Short lines that do not end as a sentence are headings of what follows; a heading that nothing
    follows is a paragraph. Short paragraphs and items of a list that stand under one heading are
    taken together, and long paragraphs cut between sentences.
    """
    found: list[Paragraph] = []
    title = heading = ""
    offset = 0
    for number, page in enumerate(text.split(PAGE_SEPARATOR), 1):
        lonely: tuple[int, int] | None = None
        span: tuple[int, int] | None = None
        blocks = list(_blocks(page))
        for first, last in blocks:
            block = page[first:last]
            if _is_heading(block):
                found += _finished(page, number, offset, span or lonely, title, heading)
                heading, lonely, span = " ".join(block.split()), (first, last), None
                title = title or heading
            elif span is not None and last - span[0] <= _TOGETHER:
                span = span[0], last
            else:
                found += _finished(page, number, offset, span, title, heading)
                lonely, span = None, (first, last)
        found += _finished(page, number, offset, span or lonely, title, heading)
        offset += len(page) + len(PAGE_SEPARATOR)
    return found


def _finished(
    page: str, number: int, offset: int, span: tuple[int, int] | None, title: str, heading: str
) -> Iterator[Paragraph]:
    if span is None:
        return
    above = heading if heading in ("", title) else f"{title} > {heading}"
    for begin, end in _parts(page, *span):
        text = page[begin:end]
        shown = "" if " ".join(text.split()) == heading else above
        yield Paragraph(number, offset + begin, offset + end, shown, text)


def _blocks(page: str) -> Iterator[tuple[int, int]]:
    at = 0
    for separator in [*_BLANK.finditer(page), None]:
        end = len(page) if separator is None else separator.start()
        begin = at
        for item in _ITEM.finditer(page, at, end):
            yield from _trimmed(page, begin, item.start())
            begin = item.end()
        yield from _trimmed(page, begin, end)
        at = end if separator is None else separator.end()


def _trimmed(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    block = text[begin:end]
    if any(character.isalnum() for character in block):
        yield begin + len(block) - len(block.lstrip()), begin + len(block.rstrip())


def _is_heading(block: str) -> bool:
    return (
        len(block) <= _LONGEST_HEADING and "\n" not in block and not block.endswith(_SENTENCE_END)
    )


def _parts(page: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    if end - begin <= _LONGEST:
        yield begin, end
        return
    first = last = begin
    for start, stop in split_sentences(page[begin:end]):
        if last > first and begin + stop - first > _LONGEST:
            yield first, last
            first = begin + start
        last = begin + stop
    # A sentence is cut when it is longer than any; nothing of the paragraph may be left out.
    last = end
    while last - first > 2 * _LONGEST:
        cut = page.rfind(" ", first, first + _LONGEST)
        cut = cut if cut > first else first + _LONGEST
        yield first, cut
        first = cut
    yield first, last
