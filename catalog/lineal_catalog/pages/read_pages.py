"""The pages of a stored result, as other forms are written from them: lines of words in pixels."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

_DPI = 300
"""Of pages that were not recognised: their text has no pixels of its own."""


class PixelBox(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class ReadWord:
    """A word of a page."""

    text: str
    begin: int
    """Offset in the document's text, as ``end``."""
    end: int
    confidence: float
    """0 to 1."""
    box: Sequence[float]
    """Left, top, width, height in fractions of the page as seen."""


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page, with its words by lines."""

    number: int
    text: str
    dpi: int
    width: int
    """Pixels at :attr:`dpi`, as ``height``; 0 where a file has no pages of its own."""
    height: int
    language: str | None
    raw: dict[str, Any]
    """As stored."""
    lines: tuple[tuple[ReadWord, ...], ...]

    def pixels(self, box: Sequence[float]) -> PixelBox:
        """A box in pixels, within the page."""
        left, top, across, down = box
        return PixelBox(
            _within(left * self.width, self.width),
            _within(top * self.height, self.height),
            _within((left + across) * self.width, self.width),
            _within((top + down) * self.height, self.height),
        )


class ReadDocument(NamedTuple):
    """A document as it was read."""

    engines: Sequence[dict[str, Any]]
    text: str
    pages: Sequence[ReadPage]


def read_document(result: bytes) -> ReadDocument:
    """The document of a gzipped TextResult."""
    loaded = orjson.loads(gzip.decompress(result))
    text = loaded["text"]
    pages = [_page(page, text) for page in loaded["pages"]]
    return ReadDocument(loaded["engines"], text, pages)


def around(boxes: Sequence[Sequence[float]]) -> list[float]:
    """The box around boxes, each left, top, width, height."""
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right = max(box[0] + box[2] for box in boxes)
    bottom = max(box[1] + box[3] for box in boxes)
    return [left, top, right - left, bottom - top]


def text_lines(page: ReadPage) -> Iterator[str]:
    """The lines of a page that has no places, without empty ones."""
    return (line.strip() for line in page.text.splitlines() if line.strip())


def _page(page: dict[str, Any], text: str) -> ReadPage:
    dpi = page.get("dpi") or _DPI
    lines: dict[int, list[ReadWord]] = {}
    for word in page.get("words") or ():
        spoken = text[word[0] : word[1]]
        if spoken.strip():
            lines.setdefault(word[7], []).append(
                ReadWord(spoken, word[0], word[1], word[2], word[3:7])
            )
    return ReadPage(
        page["number"],
        text[page["begin"] : page["end"]],
        dpi,
        round(page["width"] * dpi / 72),
        round(page["height"] * dpi / 72),
        page.get("language"),
        page,
        tuple(tuple(words) for words in lines.values()),
    )


def _within(value: float, limit: int) -> int:
    return min(max(round(value), 0), limit)
