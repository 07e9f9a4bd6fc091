"""A page as an image, and what is drawn on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lineal_consumers.fields.segments import Sheet
from lineal_schemas.documents import PageBox

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]


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
