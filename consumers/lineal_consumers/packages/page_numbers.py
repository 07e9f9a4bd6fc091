"""Which pages of a document are missing, by the numbers that its pages bear: ``Page 2 of 3``."""

from __future__ import annotations

import re

_PAGE_BREAK = "\f"
_MAX_PAGES = 500
_LINES = 4
"""At the top and at the bottom of a page, where its number stands."""
_WORDS = 10
"""Of a line with the number of a page, at most."""
_SPEAKS = frozenset(("see", "on", "from", "to", "cf", "cf.", "siehe", "auf", "von", "zu", "until"))
"""Words before a page that is spoken of."""
_WORD = r"(?:page|pages|seite|blatt|p\.|s\.|página|pagina)"
_OF = r"(?:of|von|/|de|di|sur)"
_NUMBERED = re.compile(rf"(?<!\w){_WORD}\s*[:#]?\s*(\d{{1,3}})\s*{_OF}\s*(\d{{1,3}})(?!\w)", re.I)
_ALONE = re.compile(rf"[-–(\[\s]*(\d{{1,3}})\s*{_OF}\s*(\d{{1,3}})[-–)\]\s]*", re.I)
"""A line that is nothing else: ``- 2/3 -``."""


def missing_pages(text: str) -> tuple[int, ...]:
    """The pages that are not there, in their order; none where the pages do not say how many
    there are to be, or do not agree.

    A page without a number is taken to be the one after the page before it. Where there are as many
    pages as there are to be, none is missing: a number was read wrongly then.

    Args:
        text: of all pages, with a form feed between two.
    """
    pages = text.split(_PAGE_BREAK)
    numbers = [_number(page) for page in pages]
    totals = {found[1] for found in numbers if found is not None}
    if len(totals) != 1:
        return ()
    (total,) = totals
    if len(pages) >= total:
        return ()
    there = {found[0] for found in numbers if found is not None}
    before = 0
    for found in numbers:
        if found is None and before + 1 not in there and before < total:
            there.add(before + 1)
            before += 1
        else:
            before = before + 1 if found is None else found[0]
    return tuple(number for number in range(1, total + 1) if number not in there)


def _is_said(line: str, numbered: re.Match[str]) -> bool:
    """Whether a sentence speaks of a page: "see page 2 of 9 of the contract"."""
    before = line[: numbered.start()].split()
    after = line[numbered.end() :].split()
    if len(before) + len(after) > _WORDS or (before and after and "  " not in line):
        return True
    return bool(before) and before[-1].casefold() in _SPEAKS


def _number(page: str) -> tuple[int, int] | None:
    """The number of a page and how many there are to be; None where it does not say so once."""
    lines = [line.strip() for line in page.splitlines() if line.strip()]
    edges = [*lines[:_LINES], *lines[max(_LINES, len(lines) - _LINES) :]]
    found = set()
    for line in edges:
        numbered = _NUMBERED.search(line) or _ALONE.fullmatch(line)
        if numbered is not None and not _is_said(line, numbered):
            number, total = int(numbered[1]), int(numbered[2])
            if 1 <= number <= total <= _MAX_PAGES and total > 1:
                found.add((number, total))
    return found.pop() if len(found) == 1 else None
