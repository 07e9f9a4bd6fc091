"""Queries with parameters: ``$name`` is replaced by a term, ``?name`` stays a variable.

A value becomes a term of the language before it comes into the query, so that it can hold anything
and stays one value. What reads from elsewhere is refused here, and the process that runs queries
has no network besides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from lineal.errors import LinealError

Value: TypeAlias = "str | Sequence[str]"
"""Text as it was given, or several for ``IN ($name)``."""

_TOKEN = re.compile(
    r"""(?P<iri><[^<>"{}|^`\\\x00-\x20]*>)
    |(?P<escape>\\.)
    |(?P<comment>\#[^\n\r]*)
    |(?P<string>\"{3}(?:\\.|(?!\"{3}).)*\"{3}|'{3}(?:\\.|(?!'{3}).)*'{3}
        |"(?:\\.|[^"\\\n\r])*"|'(?:\\.|[^'\\\n\r])*')
    |(?P<parameter>\$\w+)
    |(?P<variable>\?\w+)
    |(?P<word>[^\W\d][\w.:%-]*)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)")
_ESCAPE = re.compile(r"\\[uU]")
_MAX_QUERY = 100_000


class BadQuery(LinealError, ValueError):
    """A query that is not run, and why."""


def bind(query: str, values: Mapping[str, Value]) -> str:
    """The query with its parameters in place.

    Raises:
        BadQuery: it reads from elsewhere, or its parameters are not those that are given.
    """
    if len(query) > _MAX_QUERY:
        raise BadQuery(f"the query has more than {_MAX_QUERY:,} characters")
    if _ESCAPE.search(query):
        raise BadQuery("the query has a \\u escape: write the character itself")
    used: set[str] = set()

    def replaced(found: re.Match[str]) -> str:
        token = found[0]
        # A dot ends a word such as `true`, and is part of one such as `ex:a.b`: either is refused.
        if found["word"] and any(part.startswith("service") for part in token.lower().split(".")):
            raise BadQuery("SERVICE is not answered: a query reads this graph and nothing else")
        if not found["parameter"]:
            return token
        name = token[1:]
        if name not in values:
            raise BadQuery(f"the query has the parameter {token}: say what it is, {name}=VALUE")
        used.add(name)
        value = values[name]
        several = [value] if isinstance(value, str) else value
        return ", ".join(term(item) for item in several)

    bound = _TOKEN.sub(replaced, query)
    unknown = sorted(values.keys() - used)
    if unknown:
        raise BadQuery(f"the query has no parameter ${unknown[0]}")
    return bound


def term(value: str) -> str:
    """A value as a term: ``<IRI>``, a number, ``true`` or ``false``; anything else is a string, as
    is what stands in double quotes."""
    if value.startswith("<") and value.endswith(">"):
        if not re.fullmatch(r"""<[A-Za-z][\w+.-]*:[^<>"{}|^`\\\x00-\x20]*>""", value):
            raise BadQuery(f"{value} is no IRI")
        return value
    if _NUMBER.fullmatch(value) or value in ("true", "false"):
        return value
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        value = value[1:-1]
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.translate(_CONTROLS)}"'


_CONTROLS = {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", 8: "\\b", 12: "\\f"}
