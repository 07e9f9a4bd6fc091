"""Converts coordinates of a page's raster, of the page as seen, and of PDF user space."""

from __future__ import annotations

import math
from ctypes import byref, c_double
from typing import TYPE_CHECKING

from lineal_catalog.file_formats.affine import IDENTITY as IDENTITY
from lineal_catalog.file_formats.affine import Affine as Affine

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pypdfium2 as pdfium

    Gray = npt.NDArray[np.uint8]


def quarter_turns(rotation: int, width: float, height: float) -> Affine:
    """From a page as stored (of this size, y down) to the one turned ``rotation`` degrees
    clockwise (0, 90, 180, 270)."""
    if rotation == 90:
        return Affine(0, 1, -1, 0, height, 0)
    if rotation == 180:
        return Affine(-1, 0, 0, -1, width, height)
    if rotation == 270:
        return Affine(0, -1, 1, 0, 0, width)
    return IDENTITY


def turned_by(degrees: float, width: float, height: float) -> tuple[Affine, int, int]:
    """A turn clockwise by a few degrees onto a canvas that loses no corner, and its size."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    new_width = math.ceil(width * abs(cosine) + height * abs(sine))
    new_height = math.ceil(width * abs(sine) + height * abs(cosine))
    e = new_width / 2 - (cosine * width - sine * height) / 2
    f = new_height / 2 - (sine * width + cosine * height) / 2
    return Affine(cosine, sine, -sine, cosine, e, f), new_width, new_height


def seen_from_user_space(page: pdfium.PdfPage) -> Affine:
    """From PDF user space to points from the top left of the page as a viewer shows it.

    Asked of pdfium rather than computed from the boxes, so that it agrees with the rendering also
    where boxes are inherited, cropped or wrong.
    """
    return user_space_from_seen(page).inverse()


def user_space_from_seen(page: pdfium.PdfPage) -> Affine:
    """The inverse of :func:`seen_from_user_space`."""
    import pypdfium2.raw as raw

    size = 1 << 14
    width, height = page.get_size()
    x, y = c_double(), c_double()
    points = []
    for across, down in ((0, 0), (size, 0), (0, size)):
        raw.FPDF_DeviceToPage(page, 0, 0, size, size, 0, across, down, byref(x), byref(y))
        points.append((x.value, y.value))
    (e, f), (right_x, right_y), (down_x, down_y) = points
    return Affine(
        (right_x - e) / width,
        (right_y - f) / width,
        (down_x - e) / height,
        (down_y - f) / height,
        e,
        f,
    )


def straightened(gray: Gray, skew: float) -> tuple[Gray, Affine]:
    """The image turned back by its skew, and the way from its pixels to those of the original."""
    import cv2
    import numpy as np

    height, width = gray.shape
    turn, new_width, new_height = turned_by(-skew, width, height)
    matrix = np.array([[turn.a, turn.c, turn.e], [turn.b, turn.d, turn.f]], dtype=np.float64)
    border = float(np.percentile(gray[:: max(1, height // 64), :: max(1, width // 64)], 90))
    straight = cv2.warpAffine(
        gray,
        matrix,
        (new_width, new_height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(border,),
    )
    return np.asarray(straight, np.uint8), turn.inverse()
