"""The sheet of paper on a photo: where it lies, and how it looks from straight above.

Recognition takes a table's grain for letters and loses figures on lines that run together; a
sheet that was cut out and made level is a page like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lineal_consumers.ocr.page_raster import Raster
from lineal_consumers.ocr.projective import Projective

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]
    Points = npt.NDArray[np.float32]

_VIEW = 640
"""Pixels of the longer side of the view in which the sheet is looked for."""
_SMALLEST = 0.12
"""Share of the picture that a sheet has at least."""
_WHOLE = 0.93
"""Share from which the picture is the sheet: there is nothing to cut away."""
_CORNER = 30.0
"""Degrees by which a corner may be off the right angle."""
_DARKER = 0.9
"""Brightness of the ground beside a sheet's edge, as a share of that of the sheet."""
_SUPPORT = 0.6
"""Share of the edges beside which the ground has to be darker."""
_BEYOND = 4
"""Pixels of the view on both sides of an edge where brightness is compared, and points belong to
it."""
_MOVED = 25.0
"""Pixels of the view by which an edge's line may move a corner."""


class Sheet(NamedTuple):
    """A sheet of paper cut out of a photo."""

    raster: Raster
    """Of the sheet; its size in points is at the scale of the photo."""
    way: Projective
    """From pixels of the sheet to those of the photo."""


def find_sheet(raster: Raster) -> Sheet | None:
    """The sheet on a photo, level and without the ground it lies on; None where none is seen."""
    corners = find_corners(raster.gray)
    return None if corners is None else _cut_out(raster, corners)


def find_corners(gray: Gray) -> Points | None:
    """The corners of a bright sheet on a darker ground, from the top left on clockwise, in pixels;
    None where there is none, or it fills the picture."""
    import cv2
    import numpy as np

    height, width = gray.shape
    scale = min(1.0, _VIEW / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if min(size) < 64:
        return None
    view = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
    # Letters are closed before light is compared: what is left is the paper.
    closed = cv2.morphologyEx(view, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    paper: Gray = np.asarray(cv2.medianBlur(closed, 5), np.uint8)
    best: tuple[float, Points] | None = None
    for mask in _masks(paper):
        corners = _quadrilateral(mask)
        if corners is None:
            continue
        support = _support(paper, corners)
        if support >= _SUPPORT and (best is None or support > best[0]):
            best = support, corners
    if best is None:
        return None
    found: Points = (best[1] + 0.5) * np.float32(1 / scale) - np.float32(0.5)
    return found


def _masks(paper: Gray) -> list[Gray]:
    """Where the sheet may be: what is bright, at several levels, and what edges enclose."""
    import cv2
    import numpy as np

    masks = []
    level, _ = cv2.threshold(paper, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    for factor in (1.0, 0.85, 1.15, 0.7):
        masks.append(np.asarray(paper > factor * level, np.uint8))
    # A shadow across the sheet is no darker than the ground, but the edges go on.
    for low, high in ((20, 60), (40, 120)):
        edges = cv2.Canny(cv2.GaussianBlur(paper, (5, 5), 0), low, high)
        edges = cv2.dilate(edges, np.ones((3, 3), np.uint8), iterations=2)
        outside = np.pad(np.asarray(edges == 0, np.uint8), 1, constant_values=1)
        cv2.floodFill(outside, None, (0, 0), (2,))
        masks.append(np.asarray(outside[1:-1, 1:-1] != 2, np.uint8))
    return masks


def _quadrilateral(mask: Gray) -> Points | None:
    import cv2
    import numpy as np

    tidy = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    contours, _ = cv2.findContours(tidy, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    hull = cv2.convexHull(max(contours, key=cv2.contourArea))
    area = mask.shape[0] * mask.shape[1]
    hull_area = cv2.contourArea(hull)
    if not _SMALLEST * area <= hull_area <= _WHOLE * area:
        return None
    length = cv2.arcLength(hull, closed=True)
    for tolerance in (0.01, 0.015, 0.02, 0.03, 0.04, 0.06):
        rough = cv2.approxPolyDP(hull, tolerance * length, closed=True)
        corners = _extended(np.asarray(rough, np.float32).reshape(-1, 2), mask.shape)
        if len(corners) <= 4:
            break
    if len(corners) != 4 or cv2.contourArea(corners) < 0.9 * hull_area:
        return None
    fitted = _fitted(np.asarray(hull, np.float32).reshape(-1, 2), corners)
    return fitted if _is_sheet(fitted, mask.shape) else None


def _extended(corners: Points, shape: tuple[int, ...]) -> Points:
    """The corners of a sheet that juts out of the picture, where its edges would meet: what lies
    on the picture's border is no edge of the sheet, if four are left."""
    import numpy as np

    height, width = shape[:2]
    most = np.array([width - 1, height - 1], np.float32)
    sides = list(zip(corners, np.roll(corners, -1, axis=0), strict=True))
    own = [
        (a, b)
        for a, b in sides
        if not any(
            max(a[axis], b[axis]) <= 3 or min(a[axis], b[axis]) >= most[axis] - 3 for axis in (0, 1)
        )
    ]
    if len(sides) == 4 or len(own) != 4:
        return corners
    lines = [(b[1] - a[1], a[0] - b[0], a[0] * b[1] - b[0] * a[1]) for a, b in own]
    met = _crossings(lines)
    if met is None or (met < -0.3 * most).any() or (met > 1.3 * most).any():
        return corners
    return met


def _crossings(lines: list[tuple[float, float, float]]) -> Points | None:
    """Where each line (a x + b y = c) crosses the one before it."""
    import numpy as np

    crossings = []
    for first, second in zip([lines[-1], *lines[:-1]], lines, strict=True):
        matrix = np.array([first[:2], second[:2]], np.float64)
        lengths = np.hypot(matrix[:, 0], matrix[:, 1])
        if abs(np.linalg.det(matrix)) < 0.1 * float(lengths.prod()):
            return None
        crossings.append(np.linalg.solve(matrix, np.array([first[2], second[2]], np.float64)))
    return np.asarray(crossings, np.float32)


def _fitted(hull: Points, corners: Points) -> Points:
    """Corners where the lines cross that lie best along the hull: its own are worn by blur."""
    import cv2
    import numpy as np

    dense = np.concatenate(
        [
            np.linspace(a, b, max(2, int(np.hypot(*(b - a)))), endpoint=False, dtype=np.float32)
            for a, b in zip(hull, np.roll(hull, -1, axis=0), strict=True)
        ]
    )
    lines = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (b - a) / max(float(np.hypot(*(b - a))), 1.0)
        offset = dense - a
        position = offset @ along / max(float(np.hypot(*(b - a))), 1.0)
        distance = np.abs(offset[:, 0] * along[1] - offset[:, 1] * along[0])
        near = dense[(position > 0.1) & (position < 0.9) & (distance < _BEYOND)]
        if len(near) < 8:
            return corners
        vx, vy, x, y = np.asarray(cv2.fitLine(near, cv2.DIST_HUBER, 0, 0.01, 0.01)).ravel()
        lines.append((vy, -vx, vy * x - vx * y))
    fitted = _crossings(lines)
    if fitted is None or float(np.abs(fitted - corners).max()) > _MOVED:
        return corners
    return fitted


def _is_sheet(corners: Points, shape: tuple[int, ...]) -> bool:
    """Whether four corners are those of a rectangle seen at an angle."""
    import numpy as np

    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    if lengths.min() < 0.12 * min(shape[:2]):
        return False
    for side, following in zip(sides, np.roll(sides, -1, axis=0), strict=True):
        cosine = float(side @ following) / float(np.hypot(*side) * np.hypot(*following))
        if abs(90 - np.degrees(np.arccos(np.clip(cosine, -1, 1)))) > _CORNER:
            return False
    opposite = (lengths[0] / lengths[2], lengths[1] / lengths[3])
    return all(0.5 < ratio < 2 for ratio in opposite)


def _support(paper: Gray, corners: Points) -> float:
    """Share of the edges inside the picture beside which the ground is darker than the sheet."""
    import numpy as np

    height, width = paper.shape
    middle = corners.mean(axis=0)
    beside = within = 0
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (b - a) / float(np.hypot(*(b - a)))
        outwards = np.array([along[1], -along[0]], np.float32)
        if float(outwards @ (a - middle)) < 0:
            outwards = -outwards
        for share in np.linspace(0.04, 0.96, 60):
            at = a + share * (b - a)
            (x, y), (u, v) = at + _BEYOND * outwards, at - _BEYOND * outwards
            if not (0 <= x < width and 0 <= y < height and 0 <= u < width and 0 <= v < height):
                continue
            within += 1
            beside += bool(paper[int(y), int(x)] < _DARKER * paper[int(v), int(u)])
    return beside / within if within >= 60 else 0.0


def _cut_out(raster: Raster, corners: Points) -> Sheet:
    import cv2
    import numpy as np

    ordered = _clockwise(corners)
    sides = np.roll(ordered, -1, axis=0) - ordered
    top, right, bottom, left = (float(side) for side in np.hypot(sides[:, 0], sides[:, 1]))
    # The nearer side has more pixels; none of them is to be lost.
    width, height = max(2, round(max(top, bottom))), max(2, round(max(left, right)))
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    back = cv2.getPerspectiveTransform(target, ordered)
    flat = cv2.warpPerspective(
        raster.gray,
        back,
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    points = raster.width / raster.gray.shape[1]
    gray = np.asarray(flat, np.uint8)
    return Sheet(
        Raster(gray, raster.dpi, width * points, height * points),
        Projective(*(float(value) for value in np.asarray(back).ravel())),
    )


def _clockwise(corners: Points) -> Points:
    """The corners clockwise, from that which is nearest to the top left of the picture."""
    import numpy as np

    middle = corners.mean(axis=0)
    angles = np.arctan2(corners[:, 1] - middle[1], corners[:, 0] - middle[0])
    ordered = corners[np.argsort(angles)]
    first = int(np.argmin(ordered.sum(axis=1)))
    return np.asarray(np.roll(ordered, -first, axis=0), np.float32)
