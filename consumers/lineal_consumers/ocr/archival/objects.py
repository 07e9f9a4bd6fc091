"""All objects of a PDF, those that stand inside of others too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

_MAX_DEPTH = 100


def every_object(pdf: pikepdf.Pdf) -> Iterator[Any]:
    """Each dictionary, stream and array once."""
    for item in pdf.objects:
        yield from _with_direct(item, 0)


def _with_direct(item: Any, depth: int) -> Iterator[Any]:
    import pikepdf

    if depth > _MAX_DEPTH or not isinstance(
        item, pikepdf.Dictionary | pikepdf.Stream | pikepdf.Array
    ):
        return
    yield item
    inside = list(item) if isinstance(item, pikepdf.Array) else [value for _, value in item.items()]
    for value in inside:
        if isinstance(value, pikepdf.Object) and not value.is_indirect:
            yield from _with_direct(value, depth + 1)


def field_type(widget: Any) -> str:
    """The kind of form field that a widget shows: ``/Btn``, ``/Tx``, ``/Ch``, ``/Sig``; empty where
    it says none."""
    found = widget
    for _ in range(_MAX_DEPTH):
        if "/FT" in found:
            return str(found["/FT"])
        if "/Parent" not in found:
            break
        found = found["/Parent"]
    return ""
