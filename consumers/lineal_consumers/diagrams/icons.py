"""Finds icons of services on an image, at many sizes, by normalised correlation.

First coarsely, where every icon is 12 pixels large; then each place that may have one is looked at
again, where it is 40. Source of the measure: Lewis, "Fast Normalized Cross-Correlation", 1995.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal_consumers.diagrams.naming import Sighting
from lineal_consumers.diagrams.vocabulary import Service
from lineal_schemas.diagrams import PixelBox

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Colours = npt.NDArray[np.float32]

_COARSE, _FINE = 12, 40
"""Pixels of an icon's longer side."""
_SIZES = tuple(28 * 1.2**step for step in range(10))
"""Of icons on the image, in pixels: 28 to 145."""
_FINER = (0.9, 0.95, 1.0, 1.05, 1.1)
_MAYBE = 0.6
_MAX_AT_SIZE = 600
"""Candidates of one size."""
_MAX_PLACES = 80
_NEAR = 4
"""Pixels, where an icon has 12."""
_CHUNK = 4096
_EMPTY = 0.01
"""Variance of the colours of a window that has no icon."""
_MAX_CANDIDATES = 12
"""Icons that are compared closely at one place."""
_ALIKE = 0.76
"""Correlation from which it is that icon: the score is 40 there, and 100 at 1."""
_MARGIN = 0.02
"""By which the best icon is more alike than any of another service."""
_COLOURLESS = 0.02
"""Deviation, of 1, of what is one colour: correlation means nothing there."""


class IconFile(NamedTuple):
    """An icon of a service."""

    service: str
    path: str


def icon_files(services: Iterable[Service], own: Path | None) -> tuple[IconFile, ...]:
    """The icons that there are: of the installed icon set, and those of further services.

    Args:
        own: the folder that further services' icons are in.
    """
    folders = [folder for folder in (own, installed_icons()) if folder is not None]
    found = []
    for service in services:
        for icon in service.icons:
            file = next((at for folder in folders if (at := folder / icon).is_file()), None)
            if file is not None:
                found.append(IconFile(service.name, str(file)))
    return tuple(found)


def installed_icons() -> Path | None:
    """The folder of the PyPI package ``diagrams`` that has its icons; None where it is missing."""
    spec = find_spec("diagrams")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parents[1] / "resources"
    return folder if folder.is_dir() else None


class _Template(NamedTuple):
    service: str
    coarse: Colours
    fine: Colours


class _Candidate(NamedTuple):
    likeness: float
    template: int
    box: PixelBox


def find_icons(image: npt.NDArray[np.uint8], files: tuple[IconFile, ...]) -> list[Sighting]:
    """The services whose icons are on an image, of three colours."""
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    colours: Colours = np.asarray(image / 255, dtype=np.float32)
    templates = _templates(files)
    candidates = _coarsely(colours, templates)
    found = []
    for place in _places(candidates)[:_MAX_PLACES]:
        seen = sorted((_closely(colours, templates, item) for item in place), reverse=True)
        best = seen[0]
        service = templates[best.template].service
        others = [one.likeness for one in seen if templates[one.template].service != service]
        if best.likeness >= _ALIKE and best.likeness - max(others, default=0.0) >= _MARGIN:
            score = 40 + 60 * (best.likeness - _ALIKE) / (1 - _ALIKE)
            found.append(Sighting(service, score, best.box))
    return found


@lru_cache(maxsize=2)
def _templates(files: tuple[IconFile, ...]) -> tuple[_Template, ...]:
    return tuple(
        _Template(file.service, _squared(_shrunk(icon, _COARSE)), _shrunk(icon, _FINE))
        for file in files
        if (icon := _opened(Path(file.path))) is not None
    )


def _opened(file: Path) -> Colours | None:
    """An icon on white, without its empty margin; None where it is nearly one colour."""
    import numpy as np
    from PIL import Image

    with Image.open(file) as stored:
        icon = stored.convert("RGBA")
    box = icon.getchannel("A").point(lambda alpha: 255 if alpha > 16 else 0).getbbox()
    icon = icon.crop(box)
    ground = Image.new("RGBA", icon.size, (255, 255, 255, 255))
    drawn = np.asarray(Image.alpha_composite(ground, icon).convert("RGB"))
    pixels: Colours = np.asarray(drawn / 255, dtype=np.float32)
    return pixels if float(pixels.std()) > _COLOURLESS else None


def _shrunk(icon: Colours, side: int) -> Colours:
    import cv2
    import numpy as np

    height, width = icon.shape[:2]
    scale = side / max(height, width)
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    return np.asarray(cv2.resize(icon, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _squared(icon: Colours) -> Colours:
    """An icon on a white square, at its top left: windows are square."""
    import numpy as np

    square = np.ones((_COARSE, _COARSE, 3), dtype=np.float32)
    square[: icon.shape[0], : icon.shape[1]] = icon
    return square


def _coarsely(image: Colours, templates: Sequence[_Template]) -> list[_Candidate]:
    """Places that may have an icon, in pixels of the image.

    All windows of a size that are not of one colour are compared with all icons in one product of
    matrices: most of a diagram is empty.
    """
    import cv2
    import numpy as np

    icons = np.stack([_normal(template.coarse[None]) for template in templates])[:, 0].T
    found: list[_Candidate] = []
    for size in _SIZES:
        scale = _COARSE / size
        resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        small: Colours = np.asarray(resized, dtype=np.float32)
        if min(small.shape[:2]) < _COARSE:
            break
        windows = np.lib.stride_tricks.sliding_window_view(small, (_COARSE, _COARSE), axis=(0, 1))
        rows, columns = np.nonzero(_inked(small)[: windows.shape[0], : windows.shape[1]])
        at_size: dict[tuple[int, int, int], _Candidate] = {}
        for begin in range(0, len(rows), _CHUNK):
            ys, xs = rows[begin : begin + _CHUNK], columns[begin : begin + _CHUNK]
            alike = _normal(windows[ys, xs].transpose(0, 2, 3, 1)) @ icons
            for which, number in np.argwhere(alike >= _MAYBE):
                x, y = float(xs[which]), float(ys[which])
                box = (x / scale, y / scale, (x + _COARSE) / scale, (y + _COARSE) / scale)
                one = _Candidate(float(alike[which, number]), int(number), box)
                # An icon is alike at all places nearby: the best of these stands for them.
                near = (one.template, int(x) // _NEAR, int(y) // _NEAR)
                if near not in at_size or at_size[near] < one:
                    at_size[near] = one
        found += sorted(at_size.values(), reverse=True)[:_MAX_AT_SIZE]
    return found


def _normal(windows: Colours) -> Colours:
    """Windows as vectors of length 1, without the mean of each colour."""
    import numpy as np

    centred = windows - windows.mean(axis=(1, 2), keepdims=True)
    flat = centred.reshape(len(windows), -1)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(length, 1e-6), dtype=np.float32)


def _inked(image: Colours) -> npt.NDArray[np.bool_]:
    """By their top left corner, which windows are not nearly of one colour."""
    import cv2
    import numpy as np

    size, anchor = (_COARSE, _COARSE), (0, 0)
    mean = cv2.boxFilter(image, -1, size, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
    square = cv2.boxFilter(image**2, -1, size, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
    spread = (square - mean**2).sum(axis=2)
    return np.asarray(spread > _EMPTY)


def _places(candidates: Sequence[_Candidate]) -> list[list[_Candidate]]:
    """The likeliest icons of each place, the likeliest place first."""
    places: list[list[_Candidate]] = []
    for candidate in sorted(candidates, reverse=True):
        place = next((one for one in places if _overlap(one[0].box, candidate.box)), None)
        if place is None:
            places.append([candidate])
        elif len(place) < _MAX_CANDIDATES and all(
            one.template != candidate.template for one in place
        ):
            place.append(candidate)
    return places


def _overlap(one: PixelBox, other: PixelBox) -> bool:
    """Whether two boxes have a third of the smaller one in common."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return False
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height > min(areas) / 3


def _closely(image: Colours, templates: Sequence[_Template], candidate: _Candidate) -> _Candidate:
    """The same at its best place and size nearby."""
    import cv2
    import numpy as np

    icon = templates[candidate.template].fine
    left, top, right, bottom = candidate.box
    margin = 0.3 * max(right - left, bottom - top)
    x0, y0 = max(0, int(left - margin)), max(0, int(top - margin))
    part = image[y0 : int(bottom + margin) + 1, x0 : int(right + margin) + 1]
    best = _Candidate(0.0, candidate.template, candidate.box)
    for finer in _FINER:
        scale = _FINE / (max(right - left, bottom - top) * finer)
        mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        scaled = cv2.resize(part, None, fx=scale, fy=scale, interpolation=mode)
        height, width = icon.shape[:2]
        if scaled.shape[0] < height or scaled.shape[1] < width:
            continue
        match = cv2.matchTemplate(scaled, icon, cv2.TM_CCOEFF_NORMED)
        match[~np.isfinite(match)] = 0
        _, likeness, _, (x, y) = cv2.minMaxLoc(match)
        window = scaled[y : y + height, x : x + width]
        if likeness > best.likeness and likeness <= 1.01 and float(window.std()) > _COLOURLESS:
            box = (x / scale, y / scale, (x + width) / scale, (y + height) / scale)
            place = (box[0] + x0, box[1] + y0, box[2] + x0, box[3] + y0)
            rounded = tuple(round(float(value), 1) for value in place)
            best = _Candidate(
                min(1.0, float(likeness)),
                candidate.template,
                (rounded[0], rounded[1], rounded[2], rounded[3]),
            )
    return best
