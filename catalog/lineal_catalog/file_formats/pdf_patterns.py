"""Whether a PDF page paints with patterns or through masks that show text or pictures.

A tiling pattern (ISO 32000-1, 8.7.3) has contents like a page, and so has a soft mask (11.6.5.2).
PDFium draws them and has them neither among the objects of the page nor in its text layer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

_TILING = 1
_SHOWS = re.compile(rb"(?<![\w/])(?:T[jJ]|Do|BI)(?![\w])|[)>]\s*['\"]")
"""The operators that show text or pictures."""
_LINES = re.compile(rb"\s[lcvy](?=\s)")
_MANY_LINES = 60
"""Lines and curves of one of them from which they may be letters; a hatch has a few."""
_MAX_BYTES = 1 << 20
"""Of the contents of a pattern that are searched; what is longer is a picture in any case."""
_DEEPEST = 12
"""Forms in forms that are looked at."""


def shows_patterned_text(page: Any) -> bool:
    """Whether a page (a dictionary of pikepdf that has its inherited attributes) or a form on it
    names a tiling pattern or a soft mask that may show text."""
    return _names_some(page, 0, set())


def _names_some(holder: Any, depth: int, known: set[tuple[int, int]]) -> bool:
    import pikepdf

    resources = holder.get("/Resources")
    if not isinstance(resources, pikepdf.Dictionary):
        return False
    for pattern in _streams(resources.get("/Pattern")):
        if pattern.get("/PatternType") == _TILING and _may_show_text(pattern):
            return True
    if any(_may_show_text(mask) for mask in _masks(resources.get("/ExtGState"))):
        return True
    if depth == _DEEPEST:
        return False
    for form in _streams(resources.get("/XObject")):
        if form.get("/Subtype") == "/Image" or form.objgen in known:
            continue
        known.add(form.objgen)
        if _names_some(form, depth + 1, known):
            return True
    return False


def _masks(states: Any) -> list[pikepdf.Stream]:
    import pikepdf

    if not isinstance(states, pikepdf.Dictionary):
        return []
    found = []
    for state in states.values():
        mask = state.get("/SMask") if isinstance(state, pikepdf.Dictionary) else None
        group = mask.get("/G") if isinstance(mask, pikepdf.Dictionary) else None
        if isinstance(group, pikepdf.Stream):
            found.append(group)
    return found


def _streams(named: Any) -> list[pikepdf.Stream]:
    import pikepdf

    if not isinstance(named, pikepdf.Dictionary):
        return []
    return [item for item in named.values() if isinstance(item, pikepdf.Stream)]


def _may_show_text(pattern: pikepdf.Stream) -> bool:
    import pikepdf

    try:
        contents = pattern.read_bytes()
    except (pikepdf.PdfError, NotImplementedError):
        return False
    if len(contents) > _MAX_BYTES or _SHOWS.search(contents):
        return True
    return len(_LINES.findall(contents)) >= _MANY_LINES
