"""How much the pages of a PDF draw, before anything is drawn.

A form that draws another one ten times, and that one a third, is a kilobyte for a billion
operators. Source: ISO 32000-1, 8.10 (form XObjects).
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any

from lineal.stages import Reject

if TYPE_CHECKING:
    import pikepdf

_DEEPEST = 60
"""Forms in forms; PDFium draws fewer."""
_DRAWN = re.compile(rb"/([^\s/<>\[\](){}%]+)\s+Do\b")
_OPERATOR = re.compile(rb"[A-Za-z'\"*]+")
_MAX_CONTENT = 64 << 20
"""Bytes of a form's content that are unpacked to see what it draws."""


def check_cost(document: pikepdf.Pdf, operators: int) -> None:
    """Refuse a document of which a page draws more than ``operators``.

    Only what forms draw is counted: a page's own content is as long as it is.

    Raises:
        Reject: says the limit.
    """
    forms = _Forms(operators)
    for page in document.pages:
        if forms.drawn_by(page.obj, 0) > operators:
            raise Reject(
                f"the PDF draws too much: forms in forms come to more than {operators:,} operators"
            )


class _Forms:
    """The cost of forms, each looked at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[tuple[int, int], int] = {}

    def drawn_by(self, holder: Any, depth: int) -> int:
        """What the forms that a page or a form names come to, each as often as it is drawn."""
        import pikepdf

        named = _named_forms(holder)
        if not named or depth > _DEEPEST:
            return 0
        drawn: dict[str, int] = {}
        for match in _DRAWN.finditer(_content(holder)):
            name = "/" + match[1].decode("latin-1")
            drawn[name] = drawn.get(name, 0) + 1
        total = 0
        for name, times in drawn.items():
            form = named.get(name)
            if isinstance(form, pikepdf.Stream):
                total += times * self._cost(form, depth + 1)
        return total

    def _cost(self, form: pikepdf.Stream, depth: int) -> int:
        known = self._known.get(form.objgen)
        if known is None:
            # A form that draws itself draws nothing the second time.
            self._known[form.objgen] = 0
            own = len(_OPERATOR.findall(_content(form)))
            known = min(own + self.drawn_by(form, depth), 2 * self._limit)
            self._known[form.objgen] = known
        return known


def _named_forms(holder: Any) -> dict[str, Any]:
    import pikepdf

    resources = holder.get("/Resources")
    objects = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
    if not isinstance(objects, pikepdf.Dictionary):
        return {}
    return {
        name: item
        for name, item in objects.items()
        if isinstance(item, pikepdf.Stream) and item.get("/Subtype") == "/Form"
    }


def _content(holder: Any) -> bytes:
    import pikepdf

    streams = [holder] if isinstance(holder, pikepdf.Stream) else holder.get("/Contents")
    if isinstance(streams, pikepdf.Stream):
        streams = [streams]
    if not isinstance(streams, (list, pikepdf.Array)):
        return b""
    return b"\n".join(_unpacked(stream) for stream in streams if isinstance(stream, pikepdf.Stream))


def _unpacked(stream: pikepdf.Stream) -> bytes:
    import pikepdf

    try:
        if stream.get("/Filter") == "/FlateDecode" and "/DecodeParms" not in stream:
            return zlib.decompressobj().decompress(stream.read_raw_bytes(), _MAX_CONTENT)
        return stream.read_bytes()
    except (pikepdf.PdfError, zlib.error, NotImplementedError):
        return b""
