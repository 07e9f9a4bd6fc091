"""How much the pages of a PDF draw, and how much its streams unpack to, before anything is drawn.

A form that draws another one ten times, and that one a third, is a kilobyte for a billion
operators; so is a page of the same line a million times over, packed. What is large and unlike
itself is allowed more: its file is larger too. Source: ISO 32000-1, 7.4 (filters), 8.10 (form
XObjects), 12.5.5 (appearance streams).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from lineal.stages import Reject
from lineal_consumers.classify.unpacking import unpacked, unpacks_beyond

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pikepdf

_DEEPEST = 60
"""Forms in forms; PDFium draws fewer."""
_DRAWN = re.compile(rb"/([^\s/<>\[\](){}%]+)\s+(?:Do|sh|scn|SCN)\b")
_OPERATOR = re.compile(rb"[A-Za-z'\"*]+")
_CURVE = re.compile(rb"\s[cvy](?=\s)")
_LINES_PER_CURVE = 5
"""A curve is drawn as many lines."""
_SHORTEST_OPERATOR = 2
"""Bytes, with the blank behind it."""
_BYTES_PER_OPERATOR = 8
"""About so many has what is too short to be worth counting."""
_MAX_CONTENT = 64 << 20
"""Bytes of one content stream that are unpacked to see what it draws."""
_FREE_OPERATORS = 200_000
"""In a document of any size; drawing them takes PDFium some two seconds at most."""
_OPERATORS_PER_BYTE = 4
"""Of the file, in addition. Real content has less than one; a form on every page repeats it."""
_FREE_PAGES = 2_000
_BYTES_PER_PAGE = 20
"""Of the file; a page object of its own takes more, packed as it may be."""
_FREE_UNPACKED = 64 << 20
"""Bytes of one stream that is no picture, in a document of any size."""
_UNPACKED_PER_BYTE = 20
_MAX_ANNOTATIONS = 20_000
"""Of one page: each is an object of the page."""
_MAX_STATES = 100
_ANNOTATION_OPERATORS = 20
"""What showing an annotation costs beside what its appearance draws."""


class _Limits(NamedTuple):
    page: int
    document: int


def check_cost(document: pikepdf.Pdf, file_bytes: int, operators: int) -> None:
    """Refuse a document of which a page draws more than ``operators``, or all of it more than its
    size explains.

    Raises:
        Reject: says the limit.
    """
    _check_pages(len(document.pages), file_bytes)
    _check_streams(document, file_bytes)
    total = _FREE_OPERATORS + _OPERATORS_PER_BYTE * file_bytes
    content = _Content(_Limits(min(operators, total), total))
    drawn = 0
    for page in document.pages:
        cost = content.drawn_by_page(page.obj)
        if cost > operators:
            raise Reject(f"the PDF draws too much: a page has more than {operators:,} operators")
        drawn += cost
        if drawn > total:
            raise Reject(
                f"the PDF draws too much: more than {total:,} operators in {file_bytes:,} bytes"
            )


def _check_pages(pages: int, file_bytes: int) -> None:
    if pages > _FREE_PAGES + file_bytes // _BYTES_PER_PAGE:
        raise Reject(f"the PDF repeats pages: it has {pages:,} of them in {file_bytes:,} bytes")


def _check_streams(document: pikepdf.Pdf, file_bytes: int) -> None:
    """Pictures are left out: their sides say how large they are, and limit what is drawn."""
    import pikepdf

    most = _FREE_UNPACKED + _UNPACKED_PER_BYTE * file_bytes
    for item in document.objects:
        if not isinstance(item, pikepdf.Stream) or item.get("/Subtype") == "/Image":
            continue
        if unpacks_beyond(item, most):
            raise Reject(f"the PDF unpacks too much: a stream has more than {most >> 20} MB")


class _Content:
    """The cost of pages, forms and patterns, each looked at once."""

    def __init__(self, limits: _Limits) -> None:
        self._limits = limits
        self._known: dict[tuple[int, int], int] = {}
        self._own: dict[tuple[int, int], int] = {}

    def drawn_by_page(self, page: Any) -> int:
        """The operators of a page and of the forms that it draws, as often as it draws them."""
        drawn = sum(self._own_operators(stream) for stream in _streams(page))
        return drawn + self._named(page, 0) + self._annotations(page)

    def _annotations(self, page: Any) -> int:
        import pikepdf

        annotations = page.get("/Annots")
        if not isinstance(annotations, pikepdf.Array):
            return 0
        if len(annotations) > _MAX_ANNOTATIONS:
            raise Reject(
                f"a page of the PDF has {len(annotations):,} annotations, "
                f"at most {_MAX_ANNOTATIONS:,} are read"
            )
        total = 0
        for annotation in annotations:
            if not isinstance(annotation, pikepdf.Dictionary):
                continue
            total += _ANNOTATION_OPERATORS
            appearances = annotation.get("/AP")
            if isinstance(appearances, pikepdf.Dictionary):
                normal = appearances.get("/N")
                # One for each state that the annotation can be in, or one.
                states: list[Any] = [normal]
                if isinstance(normal, pikepdf.Dictionary):
                    states = list(normal.values())[:_MAX_STATES]
                total += sum(
                    self._cost(stream, 1) for stream in states if isinstance(stream, pikepdf.Stream)
                )
            if total > self._limits.document:
                break
        return total

    def _named(self, holder: Any, depth: int) -> int:
        """The operators of the forms and patterns that a page or a form names."""
        named = _named_content(holder)
        if not named or depth > _DEEPEST:
            return 0
        drawn: dict[str, int] = {}
        for stream in _streams(holder):
            for match in _DRAWN.finditer(unpacked(stream, _MAX_CONTENT)):
                name = "/" + match[1].decode("latin-1")
                drawn[name] = drawn.get(name, 0) + 1
        return sum(
            times * self._cost(named[name], depth + 1)
            for name, times in drawn.items()
            if name in named
        )

    def _cost(self, form: pikepdf.Stream, depth: int) -> int:
        known = self._known.get(form.objgen)
        if known is None:
            # A form that draws itself draws nothing the second time.
            self._known[form.objgen] = 0
            known = self._own_operators(form) + self._named(form, depth)
            known = min(known, 2 * self._limits.document)
            self._known[form.objgen] = known
        return known

    def _own_operators(self, stream: pikepdf.Stream) -> int:
        known = self._own.get(stream.objgen)
        if known is None:
            data = unpacked(stream, _MAX_CONTENT)
            known = 0
            if len(data) > _SHORTEST_OPERATOR * min(_FREE_OPERATORS // 10, self._limits.page):
                known = _count(data, self._limits.document)
            else:
                known = len(data) // _BYTES_PER_OPERATOR
            self._own[stream.objgen] = known
        return known


def _count(data: bytes, most: int) -> int:
    """Count the operators of a stream, a curve as several; counting ends beyond ``most``."""
    count = 0
    for count, _ in enumerate(_OPERATOR.finditer(data), 1):
        if count > most:
            return count
    for _ in _CURVE.finditer(data):
        count += _LINES_PER_CURVE - 1
        if count > most:
            break
    return count


def _streams(holder: Any) -> Iterator[pikepdf.Stream]:
    import pikepdf

    streams = [holder] if isinstance(holder, pikepdf.Stream) else holder.get("/Contents")
    if isinstance(streams, pikepdf.Stream):
        streams = [streams]
    if isinstance(streams, (list, pikepdf.Array)):
        yield from (stream for stream in streams if isinstance(stream, pikepdf.Stream))


def _named_content(holder: Any) -> dict[str, pikepdf.Stream]:
    import pikepdf

    resources = holder.get("/Resources")
    if not isinstance(resources, pikepdf.Dictionary):
        return {}
    found: dict[str, pikepdf.Stream] = {}
    for kind in ("/XObject", "/Pattern"):
        objects = resources.get(kind)
        if not isinstance(objects, pikepdf.Dictionary):
            continue
        for name, item in objects.items():
            if isinstance(item, pikepdf.Stream) and item.get("/Subtype") != "/Image":
                found[name] = item
    return found
