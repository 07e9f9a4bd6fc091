"""The result of every parser, and its conversion to a :class:`TextResult`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from lineal.stages import Reject
from lineal_schemas.results import PAGE_SEPARATOR, Engine, KeyValue, Page, Table, TextResult

MAX_CHARACTERS = 20_000_000
"""Most characters of text in one document."""

_UNWANTED = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that stands on a page, to be recognised."""

    name: str
    """What it is called where it was found, for doubts about it."""
    data: bytes


@dataclass(slots=True)
class ParsedPage:
    """The text of a page and what is known about its structure."""

    text: str
    tables: list[Table] = field(default_factory=list)
    key_values: list[KeyValue] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    """What a person would see of this page and was not read."""

    def doubt(self, reason: str) -> None:
        """Note a doubt, each once."""
        if reason not in self.doubts:
            self.doubts.append(reason)


@dataclass(slots=True)
class Parsed:
    """All pages of a file, and what read them."""

    engine: Engine
    pages: list[ParsedPage]
    engines: list[Engine] = field(default_factory=list)
    """What else had a part in it."""

    def result(self, first: int = 1, max_characters: int = MAX_CHARACTERS) -> TextResult:
        """The pages as a result, numbered from ``first``.

        Raises:
            Reject: there are more than ``max_characters`` of text.
        """
        texts = [clean(page.text).strip("\n") for page in self.pages]
        check_amount(sum(map(len, texts)), max_characters)
        pages: list[Page] = []
        begin = 0
        for number, (text, page) in enumerate(zip(texts, self.pages, strict=True), first):
            pages.append(
                Page(
                    number=number,
                    begin=begin,
                    end=begin + len(text),
                    width=0,
                    height=0,
                    source="parse",
                    tables=tuple(page.tables),
                    key_values=tuple(page.key_values),
                    doubts=tuple(page.doubts),
                )
            )
            begin += len(text) + len(PAGE_SEPARATOR)
        return TextResult(
            engines=(self.engine, *self.engines),
            text=PAGE_SEPARATOR.join(texts),
            pages=tuple(pages),
        )


def check_amount(characters: int, max_characters: int = MAX_CHARACTERS) -> None:
    """Parsers that gather text from something packed call this on the way.

    Raises:
        Reject: it is more than ``max_characters``.
    """
    if characters > max_characters:
        raise Reject(
            f"the document holds too much text: at most {max_characters:,} characters are read"
        )


def engine(package: str, **parameters: str) -> Engine:
    """The engine record of an installed package; the standard library's is Python itself."""
    try:
        return Engine(name=package, version=version(package), parameters=parameters)
    except PackageNotFoundError:
        from platform import python_version

        return Engine(name=package, version=python_version(), parameters=parameters)


def clean(text: str) -> str:
    """Text that can be stored, searched and sent: newline as the only line break, no control
    characters (the form feed separates pages), no lone surrogates (UTF-8 has none)."""
    if not text.isprintable():
        text = _UNWANTED.sub("", _BREAKS.sub("\n", text))
        text = _SURROGATES.sub("\ufffd", text)
    return text


def key_value(key: str, value: str) -> KeyValue:
    """A labelled value that was written as one, not guessed from a layout."""
    return KeyValue(key=one_line(key), value=clean(value).strip(), confidence=1.0)


def table(rows: Iterable[Iterable[str]], title: str | None = None) -> Table:
    """A table as it was written; shorter rows are filled up with empty cells."""
    filled = [tuple(clean(cell) for cell in row) for row in rows]
    width = max(map(len, filled), default=0)
    return Table(
        rows=tuple(row + ("",) * (width - len(row)) for row in filled),
        confidence=1.0,
        title=title,
    )


def one_line(text: str) -> str:
    """Text with every run of white space as one space."""
    return " ".join(clean(text).split())


def row_line(cells: Iterable[str]) -> str:
    """A table row as a line of text: cells separated by tabs, none at the end."""
    return "\t".join(map(one_line, cells)).rstrip("\t")
