"""Finds photos that are the same one, saved again: smaller, compressed further, lighter, grey."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from lineal_consumers.photos.image import Pixels

_SIDE = 64
_SAME_LEVELS = 1.6
"""Two photos that differ less are one, as root mean square of 256 levels over a thumbnail, after
the light and contrast of one is fitted to the other's. Sensors and positions differ by more from
shot to shot ..."""
_SAME_SHARE = 0.5
_COMMON = 0.05
"""... unless there is hardly anything on the photos of a line: then by less than this share of what
all but so few pairs of them differ by. Of a folder that came twice, few pairs are copies."""
_SAMPLE = 200


def first_of_each(photos: Iterable[Pixels]) -> list[int]:
    """For each photo, rows × columns × RGB, the place of the first one that it is a copy of, which
    may be itself. Photos that are cropped, mirrored or turned are not found."""
    thumbnails = np.array([_thumbnail(photo) for photo in photos], np.float32)
    thumbnails = thumbnails.reshape(-1, _SIDE * _SIDE)
    thumbnails -= thumbnails.mean(axis=1, keepdims=True)
    spread = np.sqrt((thumbnails**2).mean(axis=1))
    thumbnails /= np.maximum(spread, 1e-6)[:, None]
    limit = _limit(thumbnails[:_SAMPLE], spread[:_SAMPLE])
    first: list[int] = []
    for place in range(len(thumbnails)):
        before = slice(0, place + 1)
        distances = _distances(thumbnails[before], spread[before], place)
        alike = int(np.flatnonzero(distances <= limit)[0]) if place else 0
        first.append(first[alike] if alike < place else place)
    return first


def _thumbnail(photo: Pixels) -> npt.NDArray[np.uint8]:
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _distances(
    thumbnails: npt.NDArray[np.float32], spread: npt.NDArray[np.float32], place: int
) -> npt.NDArray[np.float32]:
    """Of all from the one at a place, in levels, that of itself being none."""
    alike = np.clip(thumbnails @ thumbnails[place] / thumbnails.shape[1], 0, 1)
    found: npt.NDArray[np.float32] = np.maximum(spread, spread[place]) * np.sqrt(1 - alike**2)
    found[place] = 0
    return found


def _limit(thumbnails: npt.NDArray[np.float32], spread: npt.NDArray[np.float32]) -> float:
    pairs = [_distances(thumbnails, spread, place)[:place] for place in range(len(thumbnails))]
    known = np.concatenate(pairs) if pairs else np.empty(0)
    if not len(known):
        return _SAME_LEVELS
    return min(_SAME_LEVELS, _SAME_SHARE * float(np.quantile(known, _COMMON)))
