"""Checkboxes, signatures and stamps: marks on the image of a page, found with OpenCV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal import Reject
from lineal_catalog.pages.renderers import PageView, find_renderer
from lineal_consumers.fields.definition import MARKS, ClassFields, FieldDefinition
from lineal_consumers.fields.segments import Sheet, Token, sheet_of, words_of
from lineal_schemas.documents import PageBox
from lineal_schemas.fields import ExtractedField
from lineal_schemas.results import Page, TextResult

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

_WIDTH, _MAX_HEIGHT = 1240, 2480
"""Pixels: 150 dots an inch of a sheet of A4."""
_MAX_PAGES = 10
_MIN_SIDE, _MAX_SIDE = 10, 44
"""Of a checkbox, in pixels."""
_MIN_TICK = 0.05
"""Ink in a ticked box, of its inner part."""
_SIGNATURE_NEAR = 0.07
"""How far over its label, or right of it, a signature is looked for: of the page's height."""
_YES = frozenset(("yes", "ja", "oui", "true"))
_NO = frozenset(("no", "nein", "non", "false"))


class Mark(NamedTuple):
    """Something drawn; pixels from the top left."""

    left: int
    top: int
    width: int
    height: int
    ticked: bool = False
    sure: float = 1.0


class Drawn(NamedTuple):
    """A page with its image."""

    sheet: Sheet
    image: Pixels
    """Colours as OpenCV has them: blue, green, red."""
    ink: Pixels
    """255 where there is ink."""

    @property
    def scale(self) -> float:
        """Pixels of a point."""
        return float(self.image.shape[1] / self.sheet.width)

    def box(self, mark: Mark) -> PageBox:
        """Where a mark is, in fractions of the page."""
        height, width = self.ink.shape
        return PageBox(
            page=self.sheet.number,
            left=round(max(0.0, mark.left / width), 6),
            top=round(max(0.0, mark.top / height), 6),
            width=round(min(1.0, mark.width / width), 6),
            height=round(min(1.0, mark.height / height), 6),
        )


def find_marks(
    path: Path, kind: str, result: bytes, declared: ClassFields
) -> dict[str, ExtractedField]:
    """The marks of a document that are declared as fields; those that are not found are left out.

    Args:
        path: the file.
        kind: ``pdf`` or ``image``.
    """
    read = TextResult.from_gzip(result)
    found: dict[str, ExtractedField] = {}
    for page in read.pages[:_MAX_PAGES]:
        try:
            drawn = _drawn(path, kind, read.text, page)
        except Reject:
            continue  # that it cannot be drawn is a doubt of the reading
        boxes = list(checkboxes(drawn.ink))
        for name, field in declared.fields.items():
            if field.type not in MARKS or (name in found and found[name].value == "yes"):
                continue
            mark = _mark_of(name, field, drawn, boxes)
            if mark is not None and (name not in found or mark.value == "yes"):
                found[name] = mark
    return found


def _drawn(path: Path, kind: str, text: str, page: Page) -> Drawn:
    import cv2
    import numpy as np

    view = PageView(page.number, _WIDTH, _MAX_HEIGHT, "png", page.rotation)
    shown = find_renderer(kind).render(str(path), kind, view)
    image = cv2.imdecode(np.frombuffer(shown.data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    _, ink = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    return Drawn(sheet_of(text, page), image.astype(np.uint8), ink.astype(np.uint8))


def _mark_of(
    name: str, field: FieldDefinition, drawn: Drawn, boxes: Sequence[Mark]
) -> ExtractedField | None:
    labels = [words_of(label) for label in (*field.labels, name.replace("_", " "))]
    mark: Mark | None
    if field.type == "checkbox":
        mark = _box_with_label(labels, drawn, boxes)
    elif field.type == "signature":
        mark = _signature(labels, drawn)
    else:
        mark = next(stamps(drawn.image), None)
        if mark is None:
            return ExtractedField(
                name=name, type="stamp", value="no", confidence=0.7, source="mark"
            )
    if mark is None:
        return None
    return ExtractedField(
        name=name,
        type=field.type,
        value="yes" if mark.ticked else "no",
        confidence=round(mark.sure, 3),
        box=drawn.box(mark),
        source="mark",
    )


def checkboxes(ink: Pixels) -> Iterator[Mark]:
    """Small squares of four straight sides, from top to bottom, and whether something is in them.

    Only straight lines are kept first: what ticks a box, or crosses it out, is not straight.
    """
    import cv2

    side = cv2.MORPH_RECT
    length = _MIN_SIDE - 2
    lines = cv2.bitwise_or(
        cv2.morphologyEx(ink, cv2.MORPH_OPEN, cv2.getStructuringElement(side, (length, 1))),
        cv2.morphologyEx(ink, cv2.MORPH_OPEN, cv2.getStructuringElement(side, (1, length))),
    )
    contours, _ = cv2.findContours(lines, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    seen: list[Mark] = []
    for contour in contours:
        left, top, width, height = cv2.boundingRect(contour)
        if not (_MIN_SIDE <= width <= _MAX_SIDE and 0.8 <= width / height <= 1.25):
            continue
        if cv2.contourArea(contour) < 0.7 * (width - 1) * (height - 1):
            continue
        if any(abs(left - one.left) < _MIN_SIDE and abs(top - one.top) < _MIN_SIDE for one in seen):
            continue
        box = lines[top : top + height, left : left + width]
        edge = max(2, width // 8)
        sides = (box[:edge].max(axis=0), box[-edge:].max(axis=0), box[:, :edge].max(axis=1),
                 box[:, -edge:].max(axis=1))  # fmt: skip
        if min(float((one > 0).mean()) for one in sides) < 0.8:
            continue
        inset = max(edge + 1, round(0.22 * width))
        inner = ink[top + inset : top + height - inset, left + inset : left + width - inset]
        share = float((inner > 0).mean()) if inner.size else 0.0
        seen.append(Mark(left, top, width, height, share > _MIN_TICK, _certainty(share)))
    yield from sorted(seen, key=lambda one: (one.top, one.left))


def _certainty(share: float) -> float:
    """How sure it is whether a box is ticked: one with hardly any ink in it may be dirty."""
    return 0.95 if share < 0.01 or share > 0.1 else 0.6


def _box_with_label(
    labels: Sequence[tuple[str, ...]], drawn: Drawn, boxes: Sequence[Mark]
) -> Mark | None:
    tokens = [token for segment in drawn.sheet.segments for token in segment.tokens]
    for box in boxes:
        words = _right_of(box, boxes, tokens, drawn.scale)
        if any(words[: len(label)] == label for label in labels if label):
            return box
    for label in labels:
        # "Married: [ ] yes [x] no"
        begin = _label_place(label, drawn.sheet)
        if begin is None:
            continue
        for box in boxes:
            middle = (box.top + box.height / 2) / drawn.scale
            if not (begin.top - 4 <= middle <= begin.bottom + 4) or box.left / drawn.scale < (
                begin.right - 2
            ):
                continue
            words = _right_of(box, boxes, tokens, drawn.scale)
            if words[:1] and words[0] in _NO:
                if box.ticked:
                    return box._replace(ticked=False)
                continue
            if not words or words[0] in _YES or box.ticked:
                if box.ticked or not words:
                    return box
                continue
        same = [
            box for box in boxes
            if begin.top - 4 <= (box.top + box.height / 2) / drawn.scale <= begin.bottom + 4
        ]  # fmt: skip
        if same:
            return same[0]._replace(sure=0.6)
    return None


def _right_of(
    box: Mark, boxes: Sequence[Mark], tokens: Sequence[Token], scale: float
) -> tuple[str, ...]:
    """The words right of a box, up to the next box of the row."""
    middle, right = (box.top + box.height / 2) / scale, (box.left + box.width) / scale
    limit = min(
        (
            other.left / scale
            for other in boxes
            if other.left > box.left + box.width and abs(other.top - box.top) < box.height
        ),
        default=float("inf"),
    )
    near = [
        token
        for token in tokens
        if token.top <= middle <= token.bottom and right - 2 <= token.left < limit
    ]
    near.sort(key=lambda token: token.left)
    return words_of(" ".join(token.text for token in near))


def _label_place(label: tuple[str, ...], sheet: Sheet) -> Token | None:
    if not label:
        return None
    for segment in sheet.segments:
        for at in range(len(segment.tokens) - len(label) + 1):
            span = segment.tokens[at : at + len(label)]
            if words_of(" ".join(token.text for token in span)) == label:
                first, last = span[0], span[-1]
                return Token(
                    "", first.begin, last.end, first.left, first.top, last.right, last.bottom
                )
    return None


def _signature(labels: Sequence[tuple[str, ...]], drawn: Drawn) -> Mark | None:
    """Writing over a label, or right of it, that is no text and no line to write on; where the
    label is on the page and nothing is there, a mark that is not ticked."""
    place = next(
        (found for label in labels if (found := _label_place(label, drawn.sheet)) is not None), None
    )
    if place is None:
        return None
    import cv2
    import numpy as np

    height, width = drawn.ink.shape
    scale, reach = drawn.scale, _SIGNATURE_NEAR * height
    top = max(0, round(place.top * scale - reach))
    bottom = min(height, round(place.bottom * scale + 0.25 * reach))
    left = max(0, round(place.left * scale - 10))
    right = min(width, left + round(0.5 * width))
    region = drawn.ink[top:bottom, left:right].copy()
    for segment in drawn.sheet.segments:
        for token in segment.tokens:
            if token.confidence < 0.6:
                continue  # writing that was taken for text is read with doubt
            region[
                max(0, round(token.top * scale) - 2 - top) : max(
                    0, round(token.bottom * scale) + 2 - top
                ),
                max(0, round(token.left * scale) - 2 - left) : max(
                    0, round(token.right * scale) + 2 - left
                ),
            ] = 0
    long = cv2.getStructuringElement(cv2.MORPH_RECT, (width // 20, 1))
    rulings = cv2.dilate(cv2.morphologyEx(region, cv2.MORPH_OPEN, long), np.ones((3, 3), np.uint8))
    region[rulings > 0] = 0
    joined = cv2.dilate(region, cv2.getStructuringElement(cv2.MORPH_RECT, (15, 9)))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    best: Mark | None = None
    for number in range(1, count):
        x, y, across, down, _ = (int(one) for one in stats[number])
        written = region[y : y + down, x : x + across]
        pixels = int((written > 0).sum())
        density = pixels / max(1, across * down)
        if across < 0.04 * width or down < 0.008 * height or pixels < 150 or density > 0.5:
            continue
        if best is None or across * down > best.width * best.height:
            best = Mark(left + x, top + y, across, down, True, 0.9)
    if best is not None:
        return best
    return Mark(
        left, round(place.top * scale), round((place.right - place.left) * scale),
        round((place.bottom - place.top) * scale), False, 0.8,
    )  # fmt: skip


def stamps(image: Pixels) -> Iterator[Mark]:
    """Rings and frames in a colour, as stamps have them: round, or a rectangle."""
    import cv2
    import numpy as np

    hue = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    coloured = ((hue[..., 1] > 60) & (hue[..., 2] > 40)).astype(np.uint8) * 255
    closed = cv2.morphologyEx(coloured, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    height, width = coloured.shape
    for contour in sorted(contours, key=cv2.contourArea, reverse=True):
        left, top, across, down = cv2.boundingRect(contour)
        if not (0.06 * width <= across <= 0.45 * width and 0.02 * height <= down <= 0.3 * height):
            continue
        area = cv2.contourArea(contour)
        _, radius = cv2.minEnclosingCircle(contour)
        (_, _), (one, other), _ = cv2.minAreaRect(contour)
        is_round = area > 0.8 * np.pi * radius * radius
        is_frame = one * other > 0 and area > 0.85 * one * other
        filled = float((coloured[top : top + down, left : left + across] > 0).mean())
        if (is_round or is_frame) and filled < 0.6:
            yield Mark(left, top, across, down, True, 0.85)
