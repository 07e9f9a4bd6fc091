"""Whether a PDF page paints with patterns or through masks that show text or pictures.

A tiling pattern (ISO 32000-1, 8.7.3) has contents like a page, and so has a soft mask (11.6.5.2).
PDFium draws them and has them neither among the objects of the page nor in its text layer.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

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
"""Forms in forms, and patterns in patterns, that are looked at."""
_MAX_ANNOTATIONS = 1_000


def shows_patterned_text(page: Any) -> bool:
    """Whether a page (a dictionary of pikepdf that has its inherited attributes), a form on it or
    one of its annotations names a tiling pattern or a soft mask that may show text."""
    known: set[tuple[int, int]] = set()
    return any(_names_some(holder, 0, known) for holder in (page, *_appearances(page)))


def _names_some(holder: Any, depth: int, known: set[tuple[int, int]]) -> bool:
    import pikepdf

    resources = holder.get("/Resources")
    if not isinstance(resources, pikepdf.Dictionary):
        return False
    tiles = [
        one for one in _streams(resources.get("/Pattern")) if one.get("/PatternType") == _TILING
    ]
    painted = tiles + _masks(resources.get("/ExtGState"))
    if any(_may_show_text(stream) for stream in painted):
        return True
    if depth == _DEEPEST:
        return False
    for inner in painted + _streams(resources.get("/XObject")):
        if inner.get("/Subtype") == "/Image" or inner.objgen in known:
            continue
        known.add(inner.objgen)
        if _names_some(inner, depth + 1, known):
            return True
    return False


def _appearances(page: Any) -> Iterator[pikepdf.Stream]:
    """What the annotations of a page draw, in whichever state."""
    import pikepdf

    annotations = page.get("/Annots")
    if not isinstance(annotations, pikepdf.Array):
        return
    for annotation in islice(annotations, _MAX_ANNOTATIONS):
        drawn = annotation.get("/AP") if isinstance(annotation, pikepdf.Dictionary) else None
        normal = drawn.get("/N") if isinstance(drawn, pikepdf.Dictionary) else None
        if isinstance(normal, pikepdf.Stream):
            yield normal
        else:
            yield from _streams(normal)


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
