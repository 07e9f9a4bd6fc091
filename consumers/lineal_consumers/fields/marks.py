"""Checkboxes, signatures and stamps: marks on the image of a page, found with OpenCV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lineal import Reject
from lineal_catalog.pages.renderers import PageView, find_renderer
from lineal_consumers.fields.checkboxes import box_of_label, checkboxes
from lineal_consumers.fields.definition import MARKS, ClassFields, FieldDefinition
from lineal_consumers.fields.drawn import Drawn, Mark
from lineal_consumers.fields.page_labels import Words
from lineal_consumers.fields.rules import NO_BOX
from lineal_consumers.fields.segments import sheet_of, words_of
from lineal_consumers.fields.signatures import signature
from lineal_consumers.fields.stamps import grey_stamps, is_coloured, stamps
from lineal_schemas.fields import ExtractedField
from lineal_schemas.results import Page, TextResult

_WIDTH, _MAX_HEIGHT = 1240, 2480
"""Pixels: 150 dots an inch of a sheet of A4."""
_MAX_PAGES = 10
_NO_STAMP, _NO_STAMP_GREY = 0.7, 0.4
"""How sure it is that there is none. A frame that is level, without its colour, is not told from
those of the form: whether a grey scan has a stamp is asked."""


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
        words = Words(drawn.sheet)
        boxes = list(checkboxes(drawn.ink))
        for name, field in declared.fields.items():
            known = found.get(name)
            if field.type not in MARKS or (known is not None and known.value == "yes"):
                continue
            mark = _mark_of(name, field, drawn, words, boxes, scanned=page.source == "ocr")
            if mark is not None and (known is None or known.value is None or mark.value == "yes"):
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
    name: str,
    field: FieldDefinition,
    drawn: Drawn,
    words: Words,
    boxes: Sequence[Mark],
    *,
    scanned: bool,
) -> ExtractedField | None:
    labels = [words_of(label) for label in (*field.labels, name.replace("_", " "))]
    mark: Mark | None
    if field.type == "checkbox":
        mark = box_of_label(labels, words, boxes, drawn.scale)
        if mark is None and scanned and any(words.find(label) for label in labels if label):
            return ExtractedField(name=name, type="checkbox", value=None, problems=(NO_BOX,))
    elif field.type == "signature":
        mark = signature(labels, drawn, words)
    else:
        mark = next(stamps(drawn.image), None) or next(grey_stamps(drawn.ink, words.slope), None)
        if mark is None:
            sure = _NO_STAMP if not scanned or is_coloured(drawn.image) else _NO_STAMP_GREY
            return ExtractedField(
                name=name, type="stamp", value="no", confidence=sure, source="mark"
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
