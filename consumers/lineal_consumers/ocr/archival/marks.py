"""Bookmarks for the parts and fields of a document, and its important values highlighted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lineal_catalog.pages.view import boxes_of_span

if TYPE_CHECKING:
    import pikepdf

    from lineal_consumers.ocr.page_geometry import Affine

_MAX_OF_A_PAGE = 200
_MAX_TITLE = 100
_TITLE_WORDS = 10
_FIELD = (1.0, 0.93, 0.4)
_PERSONAL = (1.0, 0.75, 0.75)
_VALUE = (0.72, 0.9, 0.7)


class Mark(NamedTuple):
    """A value that is highlighted."""

    boxes: Sequence[Sequence[float]]
    """Left, top, width, height in fractions of the page as seen."""
    note: str
    colour: tuple[float, float, float]


class PagePlace(NamedTuple):
    """Where the page as seen lies in its user space."""

    to_user: Affine
    """From points of the page as seen."""
    width: float
    """Points, as ``height``."""
    height: float

    def corners(self, box: Sequence[float]) -> list[tuple[float, float]]:
        """Those of a box as seen: top left, top right, bottom left, bottom right."""
        left, top, across, down = box
        return [
            self.to_user.point(x * self.width, y * self.height)
            for y in (top, top + down)
            for x in (left, left + across)
        ]

    def rectangle(self, box: Sequence[float]) -> list[float]:
        """Left, bottom, right, top in user space."""
        corners = self.corners(box)
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return [round(side, 2) for side in (min(xs), min(ys), max(xs), max(ys))]


def find_marks(page: dict[str, Any], entities: Sequence[dict[str, Any]]) -> list[Mark]:
    """The values of fields and the entities of a page, as JSON of its result and analysis."""
    marks = [
        Mark([field["value_box"]], f"{field['key']}: {field['value']}", _FIELD)
        for field in page.get("key_values") or ()
        if field.get("value_box") and field["value"].strip()
    ]
    words = page.get("words") or []
    taken = [mark.boxes[0] for mark in marks]
    for entity in entities:
        for begin, end, _ in entity["occurrences"]:
            if begin >= page["end"] or end <= page["begin"]:
                continue
            boxes = [box for box in boxes_of_span(words, begin, end) if not _covered(box, taken)]
            if boxes:
                note = f"{entity['type']}: {entity.get('value') or entity['text']}"
                marks.append(Mark(boxes, note, _PERSONAL if entity["personal"] else _VALUE))
    return marks[:_MAX_OF_A_PAGE]


def _covered(box: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """Whether the middle of a box is in another."""
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return any(
        left <= x <= left + across and top <= y <= top + down for left, top, across, down in others
    )


class Highlighter:
    """Highlights values, without a change of what the page itself draws."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        import pikepdf

        self._pdf = pdf
        self._multiply = pdf.make_indirect(
            pikepdf.Dictionary(Type=pikepdf.Name.ExtGState, BM=pikepdf.Name.Multiply)
        )

    def add(self, target: pikepdf.Page, marks: Sequence[Mark], place: PagePlace) -> None:
        """Add marks to a page, as annotations that show their note."""
        import pikepdf

        if not marks:
            return
        existing = target.obj.get("/Annots")
        annotations = pikepdf.Array(list(existing) if existing is not None else [])
        for mark in marks:
            annotations.append(self._pdf.make_indirect(self._annotation(mark, place)))
        target.obj["/Annots"] = annotations

    def _annotation(self, mark: Mark, place: PagePlace) -> pikepdf.Dictionary:
        import pikepdf

        rectangles = [place.rectangle(box) for box in mark.boxes]
        sides = list(zip(*rectangles, strict=True))
        around = [min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])]
        quads = [
            round(value, 2)
            for box in mark.boxes
            for corner in place.corners(box)
            for value in corner
        ]
        paint = b"/M gs %.2f %.2f %.2f rg\n" % mark.colour + b"".join(
            b"%.2f %.2f %.2f %.2f re f\n" % (left, bottom, right - left, top - bottom)
            for left, bottom, right, top in rectangles
        )
        looks = pikepdf.Stream(
            self._pdf,
            paint,
            Type=pikepdf.Name.XObject,
            Subtype=pikepdf.Name.Form,
            BBox=pikepdf.Array(around),
            Resources=pikepdf.Dictionary(ExtGState=pikepdf.Dictionary(M=self._multiply)),
            Group=pikepdf.Dictionary(
                S=pikepdf.Name.Transparency, CS=pikepdf.Name.DeviceRGB, Type=pikepdf.Name.Group
            ),
        )
        return pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Highlight,
            Rect=pikepdf.Array(around),
            QuadPoints=pikepdf.Array(quads),
            C=pikepdf.Array(list(mark.colour)),
            F=4,
            Contents=pikepdf.String(mark.note[:500]),
            AP=pikepdf.Dictionary(N=self._pdf.make_indirect(looks)),
        )


class _Entry(NamedTuple):
    title: str
    page: int
    """Index of the page."""
    top: float | None
    """User space; None: the whole page."""


def page_bookmarks(
    page: dict[str, Any], text: str, index: int, place: PagePlace
) -> tuple[_Entry, list[_Entry]]:
    """The bookmark of a part of the document, and those of the fields and tables on it."""
    first = " ".join(text[page["begin"] : page["end"]].split(maxsplit=_TITLE_WORDS)[:_TITLE_WORDS])
    title = f"{page['number']}  {first}".strip()
    return _Entry(title[:_MAX_TITLE], index, None), list(_on_page(page, index, place))


def _on_page(page: dict[str, Any], index: int, place: PagePlace) -> Iterator[_Entry]:
    for field in (page.get("key_values") or ())[:_MAX_OF_A_PAGE]:
        box = field.get("key_box") or field.get("value_box")
        yield _Entry(f"{field['key']}: {field['value']}"[:_MAX_TITLE], index, _top(box, place))
    for number, table in enumerate((page.get("tables") or ())[:_MAX_OF_A_PAGE], 1):
        title = table.get("title") or f"Table {number}"
        yield _Entry(title[:_MAX_TITLE], index, _top(table.get("box"), place))


def _top(box: Sequence[float] | None, place: PagePlace) -> float | None:
    return None if box is None else place.rectangle(box)[3]


def add_bookmarks(pdf: pikepdf.Pdf, parts: Sequence[tuple[_Entry, list[_Entry]]]) -> None:
    """Add bookmarks behind those that the document has."""
    import pikepdf

    def item(entry: _Entry) -> pikepdf.OutlineItem:
        if entry.top is None:
            return pikepdf.OutlineItem(entry.title, entry.page, "Fit")
        return pikepdf.OutlineItem(entry.title, entry.page, "FitH", top=entry.top)

    with pdf.open_outline() as outline:
        for part, fields in parts:
            made = item(part)
            made.children.extend(map(item, fields))
            made.is_closed = True
            outline.root.append(made)
