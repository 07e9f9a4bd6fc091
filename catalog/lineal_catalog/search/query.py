"""Parses a search query into the same tree for every store."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias

from lineal_catalog.search.words import searchable


class Term(NamedTuple):
    """A word, or a phrase of several words in a row."""

    text: str
    prefix: bool
    """Whether the last word is only the beginning of one."""


Sign: TypeAlias = Literal["(", ")", "AND", "OR", "NOT"]
Part: TypeAlias = Term | Sign

_TOKEN = re.compile(r'"([^"]*)"(\*?)|(\()|(\))|([^\s()"]+)')
_OPERATORS: tuple[Sign, ...] = ("AND", "OR", "NOT")
_DEEPEST = 30
"""Parentheses in parentheses; further ones are passed over. The parsers behind have their limits
too, and no input is to be an error."""


def parse_query(text: str) -> list[Part]:
    """The parts of a valid expression, in order; none if it can find nothing.

    Words must all occur; ``"..."`` is a phrase, ``word*`` a prefix, AND, OR, NOT and parentheses
    combine, also as AND NOT. NOT takes away from what stands before it and binds tightest, OR
    loosest. NOT with nothing before it leaves nothing; any other operator that makes no sense where
    it stands is passed over, so that no input is an error.
    """
    parts: list[Part] = []
    depth = too_deep = 0
    for match in _TOKEN.finditer(text):
        phrase, star, opening, closing, word = match.groups()
        if opening:
            if depth == _DEEPEST:
                too_deep += 1
                continue
            _join(parts)
            parts.append("(")
            depth += 1
        elif closing:
            if too_deep:
                too_deep -= 1
            elif depth and parts[-1] == "(":
                parts.pop()
                depth -= 1
                _drop_operator(parts)
            elif depth:
                _drop_operator(parts)
                parts.append(")")
                depth -= 1
        elif word in _OPERATORS:
            if parts and parts[-1] != "(" and parts[-1] not in _OPERATORS:
                parts.append(word)
            elif word == "NOT":
                if not parts or parts[-1] != "AND":
                    return []  # out of no pages: searching for the word would be the opposite
                parts[-1] = "NOT"
        else:
            term = _term(phrase if phrase is not None else word, bool(star))
            if term is not None:
                _join(parts)
                parts.append(term)
    while parts and (parts[-1] == "(" or parts[-1] in _OPERATORS):
        depth -= parts.pop() == "("
    closings: list[Part] = [")"] * depth
    return parts + closings


def query_problem(text: str) -> str:
    """What is passed over in a query, or leaves nothing to find, and what to write; empty if it
    means what it says."""
    if text.count('"') % 2:
        return 'a quotation mark has no second one: write "a phrase"'
    depth = 0
    before = "("
    for match in _TOKEN.finditer(text):
        _, _, opening, closing, word = match.groups()
        depth += bool(opening) - bool(closing)
        if depth < 0:
            return "a parenthesis is closed that was not opened"
        if closing and before == "(":
            return "there is nothing in the parentheses"
        if closing and before in _OPERATORS:
            return f"nothing stands behind {before}"
        if word in _OPERATORS and before == "(":
            return f"nothing stands before {word}: write A {word} B, or the word as {word.lower()}"
        if word in _OPERATORS and before in _OPERATORS and (before, word) != ("AND", "NOT"):
            return f"{before} {word} is no operator: there are AND, OR, NOT and AND NOT"
        before = word or opening or closing or "a phrase"
    if depth:
        return "a parenthesis is not closed"
    return f"nothing stands behind {before}" if before in _OPERATORS else ""


def _join(parts: list[Part]) -> None:
    if parts and parts[-1] != "(" and parts[-1] not in _OPERATORS:
        parts.append("AND")


def _drop_operator(parts: list[Part]) -> None:
    if parts and parts[-1] in _OPERATORS:
        parts.pop()


def _term(text: str, prefix: bool) -> Term | None:
    if not prefix and text.endswith("*"):
        text, prefix = text.rstrip("*"), True
    text = searchable(text)
    if not any(character.isalnum() for character in text):
        return None
    return Term(text, prefix)
