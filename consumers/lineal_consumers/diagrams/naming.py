"""Finds names of services among the lines of a diagram."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lineal_consumers.diagrams.reading import SeenLine, SeenWord
from lineal_consumers.diagrams.vocabulary import Alias, tokens
from lineal_schemas.diagrams import PixelBox

_LIKE = 0.88
"""Share of letters that a name of five letters and more must have: one wrong one of nine."""
_GAP = 0.9
"""Of a line's height: how far below it the next line of the same caption begins at most."""


class Sighting(NamedTuple):
    """A service was recognised at a place."""

    service: str
    score: float
    """0 to 100."""
    box: PixelBox


class _Token(NamedTuple):
    folded: str
    written: str
    word: SeenWord


def find_names(lines: Sequence[SeenLine], names: Sequence[Alias]) -> list[Sighting]:
    """The services whose names stand on an image; of names within names the longest."""
    found: list[Sighting] = []
    for caption in _captions(lines):
        taken: set[int] = set()
        for alias in names:
            length = len(alias.words)
            for begin in range(len(caption) - length + 1):
                window = range(begin, begin + length)
                if taken.intersection(window):
                    continue
                part = caption[begin : begin + length]
                likeness = _likeness(part, alias)
                if likeness:
                    taken.update(window)
                    sure = min(token.word.confidence for token in part)
                    found.append(Sighting(alias.service, 100 * sure * likeness, _around(part)))
    return found


def _likeness(part: Sequence[_Token], alias: Alias) -> float:
    """0 to 1; 0 also where it is too little."""
    from rapidfuzz.distance import Levenshtein

    read = "".join(token.folded for token in part)
    wanted = "".join(alias.words)
    if alias.exact:
        written = "".join(token.written for token in part)
        return float(written == "".join(alias.written.split()))
    if read == wanted:
        return 1.0
    if abs(len(read) - len(wanted)) > 1 or len(wanted) < 6:
        return 0.0
    likeness = Levenshtein.normalized_similarity(read, wanted)
    return float(likeness) if likeness >= _LIKE else 0.0


def _around(part: Sequence[_Token]) -> PixelBox:
    words = [token.word for token in part]
    return (
        round(min(word.left for word in words), 1),
        round(min(word.top for word in words), 1),
        round(max(word.right for word in words), 1),
        round(max(word.bottom for word in words), 1),
    )


def _captions(lines: Sequence[SeenLine]) -> Iterator[list[_Token]]:
    """Lines that stand under each other are one caption: names are broken."""
    waiting = sorted(lines, key=lambda line: (line.box[1], line.box[0]))
    while waiting:
        caption = [waiting.pop(0)]
        while True:
            following = next((line for line in waiting if _continues(caption[-1], line)), None)
            if following is None:
                break
            waiting.remove(following)
            caption.append(following)
        yield [
            _Token(folded, written, word)
            for line in caption
            for word in line.words
            for folded, written in zip(tokens(word.text), _written(word.text), strict=False)
        ]


def _written(text: str) -> list[str]:
    """The words of a text as they stand there, cut as :func:`tokens` does."""
    return "".join(c if c.isalnum() else " " for c in text).split()


def _continues(above: SeenLine, below: SeenLine) -> bool:
    left, top, right, bottom = above.box
    next_left, next_top, next_right, next_bottom = below.box
    height = bottom - top
    if not 0 <= next_top - bottom + 0.4 * height <= (_GAP + 0.4) * height:
        return False
    if not 0.5 <= (next_bottom - next_top) / max(height, 1e-9) <= 2:
        return False
    centre, next_centre = (left + right) / 2, (next_left + next_right) / 2
    return abs(centre - next_centre) < 0.5 * max(right - left, next_right - next_left)
