"""Where the words of a corrected text stand on the page.

They stand in the places of the words that the machine had read, and where it had missed some, in
the room between their neighbours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from lineal_schemas.results import Page, Word

_NARROWEST = 0.002
"""Width of a word for which there is no room, in fractions of the page."""


class _NewWord(NamedTuple):
    text: str
    begin: int
    end: int
    row: int
    """Of its line in the corrected text."""


def place_words(old: str, new: str, page: Page) -> tuple[Word, ...]:
    """The words of a corrected text with their places; none where the machine had read none.

    Args:
        old: the text of the page as the machine read it; its words have their offsets.
        new: the text as a person corrected it.

    Returns:
        The words, with offsets from the beginning of ``new``. Those that a person wrote have the
        confidence 1.
    """
    words = page.words
    if not words:
        return ()
    was = [old[word.begin - page.begin : word.end - page.begin] for word in words]
    now = [
        _NewWord(match[0], match.start(), match.end(), new.count("\n", 0, match.start()))
        for match in re.finditer(r"\S+", new)
    ]
    placed: list[Word] = []
    matcher = SequenceMatcher(None, was, [word.text for word in now], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            placed += [
                like._replace(begin=said.begin, end=said.end)
                for like, said in zip(words[i1:i2], now[j1:j2], strict=True)
            ]
        elif tag == "replace":
            placed += _replaced(words[i1:i2], now[j1:j2])
        elif tag == "insert":
            behind = words[i1] if i1 < len(words) else None
            placed += _inserted(placed[-1] if placed else None, behind, now, j1, j2)
    return tuple(placed)


def _replaced(words: Sequence[Word], now: Sequence[_NewWord]) -> list[Word]:
    """Words in the place of others: each in that of its share of them."""
    count, wanted = len(words), len(now)
    if wanted >= count:
        groups: list[list[_NewWord]] = [[] for _ in words]
        for number, said in enumerate(now):
            groups[number * count // wanted].append(said)
        return [
            part
            for like, group in zip(words, groups, strict=True)
            for part in _side_by_side(group, like, like.left, like.width)
        ]
    placed = []
    for number, said in enumerate(now):
        share = words[number * count // wanted : (number + 1) * count // wanted]
        same = [word for word in share if word.line == share[0].line]
        left, top = min(word.left for word in same), min(word.top for word in same)
        placed.append(
            share[0]._replace(
                begin=said.begin,
                end=said.end,
                confidence=1.0,
                left=left,
                top=top,
                width=max(word.left + word.width for word in same) - left,
                height=max(word.top + word.height for word in same) - top,
            )
        )
    return placed


def _inserted(
    before: Word | None, behind: Word | None, now: Sequence[_NewWord], first: int, last: int
) -> list[Word]:
    """Words that the machine had missed."""
    placed: list[Word] = []
    rows: dict[int, list[_NewWord]] = {}
    for said in now[first:last]:
        rows.setdefault(said.row, []).append(said)
    for row, group in rows.items():
        if before is not None and first > 0 and now[first - 1].row == row:
            placed += _beside(group, before, behind, after=True)
        elif behind is not None and last < len(now) and now[last].row == row:
            placed += _beside(group, behind, before, after=False)
        else:  # a line of its own, below the one before it
            like = placed[-1] if placed else (before or behind)
            assert like is not None  # a page without words is not placed at all
            top = like.top + like.height if like is not behind else like.top - like.height
            top = min(max(top, 0.0), 1 - like.height)
            width = min(_width(group, like), 1 - like.left)
            line = like._replace(top=top, line=like.line + 1 if like is not behind else like.line)
            placed += _side_by_side(group, line, like.left, width)
    return placed


def _beside(group: Sequence[_NewWord], near: Word, far: Word | None, *, after: bool) -> list[Word]:
    """Words in the room between two of a line, or at its end."""
    width = _width(group, near)
    rightwards = after != _is_leftward(group[0].text)
    if rightwards:
        left = near.left + near.width
        end = far.left if far is not None and far.line == near.line else 1.0
        return _side_by_side(group, near, left, min(width, end - left))
    right = near.left
    begin = far.left + far.width if far is not None and far.line == near.line else 0.0
    width = max(min(width, right - begin), _NARROWEST)
    return _side_by_side(group, near, right - width, width)


def _side_by_side(group: Sequence[_NewWord], like: Word, left: float, width: float) -> list[Word]:
    """Words that share a width by their numbers of letters; from the right in scripts that are."""
    width = min(max(width, _NARROWEST), 1.0)
    left = min(max(left, 0.0), 1 - width)
    if len(group) == 1:
        said = group[0]
        return [
            like._replace(begin=said.begin, end=said.end, confidence=1.0, left=left, width=width)
        ]
    letters = sum(len(said.text) for said in group) + len(group) - 1
    placed = []
    at = 0
    for said in group:
        share = width * len(said.text) / letters
        offset = width * at / letters
        begin = left + width - offset - share if _is_leftward(said.text) else left + offset
        placed.append(
            like._replace(begin=said.begin, end=said.end, confidence=1.0, left=begin, width=share)
        )
        at += len(said.text) + 1
    return placed


def _width(group: Sequence[_NewWord], like: Word) -> float:
    """How wide words are that are written as large as another one."""
    letters = sum(len(said.text) + 1 for said in group)
    return letters * like.width / max(like.end - like.begin, 1)


def _is_leftward(text: str) -> bool:
    """Whether a word is of a script that runs from right to left."""
    for letter in text:
        kind = unicodedata.bidirectional(letter)
        if kind in ("R", "AL"):
            return True
        if kind == "L":
            return False
    return False
