"""What was found on a page, with its place on the page.

Places are boxes ``[left, top, width, height]`` in fractions from 0 to 1 of the page as it is seen,
from its top left: they fit the page's image at any width.
"""

from __future__ import annotations

import gzip
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import orjson

_Json: TypeAlias = dict[str, Any]

_DOUBTFUL = 0.6
"""Confidence under which a word is doubtful, as for ``PageQuality.low_confidence_share``."""


class StoredPages:
    """The pages of a document as bytes, each decoded when it is asked for.

    To decode all of 300 pages takes a third of a second: who looks at several of one document keeps
    this.
    """

    def __init__(self, result: bytes) -> None:
        """
        Args:
            result: the gzipped TextResult.
        """
        loaded = _loaded(result)
        self._text: str = loaded["text"]
        self._pages = {page["number"]: orjson.dumps(page) for page in loaded["pages"]}
        self.rotations: dict[int, int] = {
            page["number"]: int(page["rotation"])
            for page in loaded["pages"]
            if page.get("rotation")
        }
        """By how many degrees clockwise pages are turned to be upright; those that are, by
        number."""

    @property
    def count(self) -> int:
        """How many pages it has."""
        return len(self._pages)

    @property
    def size(self) -> int:
        """Bytes that are kept of it, about."""
        return len(self._text) + sum(map(len, self._pages.values()))

    def view(self, analysis: bytes | None, number: int) -> _Json | None:
        """As :func:`page_view`."""
        page = self._pages.get(number)
        if page is None:
            return None
        return _view(orjson.loads(page), self._text, self.count, analysis)


def list_pages(result: bytes) -> list[_Json]:
    """The pages of a document in short: number, size, how they were read, doubts.

    Args:
        result: the gzipped TextResult.
    """
    return [_head(page) for page in _loaded(result)["pages"]]


def page_view(result: bytes, analysis: bytes | None, number: int) -> _Json | None:
    """Everything known of a page; None where there is none of this number.

    Offsets count in the text of the document, as in the ``json`` form: ``text`` begins at
    ``begin``.

    Args:
        result: the gzipped TextResult.
        analysis: the gzipped Analysis; None: there is none yet, so no entities.
        number: from 1.
    """
    loaded = _loaded(result)
    page = _page(loaded, number)
    if page is None:
        return None
    return _view(page, loaded["text"], len(loaded["pages"]), analysis)


def _view(page: _Json, text: str, pages: int, analysis: bytes | None) -> _Json:
    begin, end = page["begin"], page["end"]
    words = page.get("words") or []
    return {
        **_head(page),
        "pages": pages,
        "begin": begin,
        "end": end,
        "text": text[begin:end],
        "words": [
            {
                "text": text[word[0] : word[1]],
                "begin": word[0],
                "end": word[1],
                "confidence": word[2],
                "doubtful": word[2] < _DOUBTFUL,
                "box": word[3:7],
                "line": word[7],
            }
            for word in words
        ],
        "fields": page.get("key_values") or [],
        "tables": page.get("tables") or [],
        "entities": [] if analysis is None else _entities(analysis, words, begin, end),
    }


def _head(page: _Json) -> _Json:
    placed = {place["reason"] for place in page.get("doubt_places") or []}
    return {
        "number": page["number"],
        "width": page["width"],
        "height": page["height"],
        "source": page["source"],
        "dpi": page.get("dpi"),
        "rotation": page.get("rotation", 0),
        "skew": page.get("skew", 0.0),
        "language": page.get("language"),
        "quality": page.get("quality"),
        "doubts": [
            *(
                {
                    "reason": place["reason"],
                    "box": [place["left"], place["top"], place["width"], place["height"]],
                }
                for place in page.get("doubt_places") or []
            ),
            *(
                {"reason": reason, "box": None}
                for reason in page.get("doubts") or []
                if reason not in placed
            ),
        ],
    }


def _entities(analysis: bytes, words: Sequence[Any], begin: int, end: int) -> list[_Json]:
    found = []
    for entity in orjson.loads(gzip.decompress(analysis))["entities"]:
        occurrences = [
            {
                "begin": span[0],
                "end": span[1],
                "confidence": span[2],
                "boxes": boxes_of_span(words, span[0], span[1]),
            }
            for span in entity["occurrences"]
            if span[0] < end and span[1] > begin
        ]
        if occurrences:
            found.append({**entity, "occurrences": occurrences})
    return found


def boxes_of_span(words: Sequence[Any], begin: int, end: int) -> list[list[float]]:
    """The boxes of a span of text, one for each line that it stands on.

    Args:
        words: those of the page, in the order of the text, as arrays of a :class:`Word`'s fields.
    """
    first = bisect_right(words, begin, key=lambda word: word[1])
    last = bisect_left(words, end, key=lambda word: word[0])
    lines: dict[int, list[Any]] = {}
    for word in words[first:last]:
        lines.setdefault(word[7], []).append(word)
    return [_around(line) for line in lines.values()]


def _around(words: Iterable[Any]) -> list[float]:
    boxes = [(word[3], word[4], word[3] + word[5], word[4] + word[6]) for word in words]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    return [left, top, round(right - left, 6), round(bottom - top, 6)]


def _loaded(result: bytes) -> _Json:
    loaded: _Json = orjson.loads(gzip.decompress(result))
    return loaded


def _page(loaded: _Json, number: int) -> _Json | None:
    found: _Json | None = next((page for page in loaded["pages"] if page["number"] == number), None)
    return found
