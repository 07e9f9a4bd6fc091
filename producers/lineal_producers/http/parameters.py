"""Parses the parameters of a query or form."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.exceptions import HTTPException


def pairs(given: Iterable[str]) -> dict[str, str]:
    """``KEY=VALUE`` parameters as a mapping.

    Raises:
        HTTPException: 400, one has no ``=``, or nothing before it.
    """
    found = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise HTTPException(400, f"{item!r} is not KEY=VALUE")
        found[key] = value
    return found


def number(text: str | None) -> int | None:
    """A parameter that is a number, or None where it is not given.

    Raises:
        HTTPException: 400, it is something else.
    """
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise HTTPException(400, f"{text!r} is not a number")
    return int(text)
