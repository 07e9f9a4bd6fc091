"""What a page shows that is not read at first: pale and dark writing, and writing that stands
across.

Ink of a page in which no word was read is looked at apart: once with its contrast raised, where it
is faint, and once turned to either side, also without blanks between its letters. What is read is
compared with what is to go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from lineal_consumers.ocr.redaction.letter_spacing import ClosedUp, close_up
from lineal_schemas.results import Box

if TYPE_CHECKING:
    from PIL import Image

Gray = npt.NDArray[np.uint8]
_NEAR = 31
"""Pixels around one, among which its ground is looked for."""
_FAINT, _STRONG = 4, 60
"""Levels of 255 between ink and ground: less is noise, more is read anyway."""
_RAISED = 15
_MIN_INK = 250
"""Pixels; the letters of a short name at 200 dots an inch have more."""
_RULING = 60
"""Straight strokes of this length are lines of a table or a form."""


class View(NamedTuple):
    """An image in which only what was not read is to be seen."""

    gray: Gray
    turned: int
    """Degrees clockwise."""
    closed: ClosedUp | None = None
    """Where its letters stood, if the blanks between them were taken out."""

    def original_boxes(self, box: Box) -> list[Box]:
        """Where on the turned page that was which is in a box of this image."""
        return [box] if self.closed is None else self.closed.original_boxes(box)


def unread_views(image: Image.Image, read: Sequence[Box]) -> Iterator[View]:
    """Images of what was not read.

    Args:
        read: boxes of the words that were read, and of what was painted over.
    """
    import cv2

    gray = np.asarray(image.convert("L")).copy()
    near = np.ones((_NEAR, _NEAR), np.uint8)
    ground = cv2.dilate(gray, near)
    depth = ground.astype(np.int16) - gray
    # On dark ground writing is lighter.
    dark_ground = cv2.erode(gray, near)
    is_dark = ground < 2 * _STRONG
    depth = np.where(is_dark, gray.astype(np.int16) - dark_ground, depth)
    height, width = gray.shape
    for box in read:
        top, bottom = int(box.top * height) - 2, int((box.top + box.height) * height) + 3
        left, right = int(box.left * width) - 2, int((box.left + box.width) * width) + 3
        depth[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 0
    faint = np.where((depth >= _FAINT) & (depth < _STRONG), depth, 0)
    if _ink(faint > 0) >= _MIN_INK:
        yield View((255 - np.clip(faint * _RAISED, 0, 255)).astype(np.uint8), 0)
    strong = (depth >= _STRONG).astype(np.uint8)
    for shape in ((1, _RULING), (_RULING, 1)):
        strong[cv2.morphologyEx(strong, cv2.MORPH_OPEN, np.ones(shape, np.uint8)) > 0] = 0
    if _ink(strong > 0) >= _MIN_INK:
        across = np.where(strong > 0, gray if not is_dark.all() else 255 - gray, 255)
        across = across.astype(np.uint8)
        for turned, turns in ((0, 0), (90, -1), (270, 1)):
            view = np.ascontiguousarray(np.rot90(across, turns))
            if turned:
                yield View(view, turned)
            closed = close_up(view)
            if closed is not None:
                yield View(closed.gray, turned, closed)


def _ink(mask: npt.NDArray[np.bool_]) -> int:
    """Pixels of strokes: single ones are noise."""
    import cv2

    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return int(opened.sum())
