"""Finds photos that are the same one, saved again: smaller, compressed further, lighter, grey,
mirrored, turned, or a part of it."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from lineal_consumers.photos.image import Pixels
from lineal_consumers.photos.parts_of_photos import (
    Features,
    candidates_of,
    distance,
    features_of,
    mirrored,
)

Floats = npt.NDArray[np.float32]

_SIDE = 64
_SAME_LEVELS = 1.6
"""Two photos that differ less are one, as root mean square of 256 levels over a thumbnail, after
the light and contrast of one is fitted to the other's. Sensors and positions differ by more from
shot to shot ..."""
_SAME_PART = 2.0
"""... and where one was laid over the other, which takes positions out, about so much ..."""
_SAME_SHARE = 0.5
_COMMON = 0.05
"""... unless there is hardly anything on the photos of a line: then by less than this share of what
all but so few pairs of them differ by. Of a folder that came twice, few pairs are copies."""
_SAMPLE = 200
_SAMPLE_LAID_OVER = 10
_COMMON_LAID_OVER = 0.1
"""Most shots of different things cannot be laid over each other, and copies may be many."""
_HARDLY_LESS = 0.7
"""Levels by which a part of a photo differs from it in any case. Where shots of a line have to
differ by less to be copies, none is looked for."""


def first_of_each(photos: Iterable[Pixels]) -> list[int]:
    """For each photo, rows × columns × RGB, the place of the first one that it is a copy of, which
    may be itself.

    Not found are copies with less than about two thirds of the width and height, or with something
    put over them, and those of photos that have hardly anything on them or that hardly differ from
    shot to shot: unless they are whole."""
    features, thumbnails = [], []
    for photo in photos:
        grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
        thumbnails.append(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA))
        features.append(features_of(photo))
    first = _whole_copies(np.array(thumbnails, np.float32).reshape(-1, _SIDE * _SIDE))
    _join_parts(first, features)
    return first


def _whole_copies(thumbnails: Floats) -> list[int]:
    thumbnails -= thumbnails.mean(axis=1, keepdims=True)
    spread: Floats = np.sqrt((thumbnails**2).mean(axis=1))
    thumbnails /= np.maximum(spread, 1e-6)[:, None]
    sample = slice(0, _SAMPLE)
    pairs = [
        _distances(thumbnails[sample], spread[sample], place)[:, :place]
        for place in range(len(thumbnails[sample]))
    ]
    # A limit each: a piece that is round lies nearer to others in some of many orientations.
    known = np.concatenate(pairs, axis=1) if pairs else np.empty((2, 0), np.float32)
    limits = np.array([[_limit(distances, _SAME_LEVELS)] for distances in known])
    first: list[int] = []
    for place in range(len(thumbnails)):
        before = slice(0, place + 1)
        same = (_distances(thumbnails[before], spread[before], place) <= limits).any(axis=0)
        alike = int(np.flatnonzero(same)[0]) if place else 0
        first.append(first[alike] if alike < place else place)
    return first


def _join_parts(first: list[int], photos: list[Features]) -> None:
    """Join photos, of those that are no whole copies, that are parts of the same one."""
    own = [place for place, known in enumerate(first) if known == place]
    if len(own) < 2:
        return
    sample = own[:: max(1, len(own) // _SAMPLE_LAID_OVER)][:_SAMPLE_LAID_OVER]
    pairs = []
    for count, place in enumerate(sample):
        seen = (photos[place], mirrored(photos[place]))
        pairs += [min(distance(photos[other], one) for one in seen) for other in sample[:count]]
    limit = _limit(np.array(pairs, np.float32), _SAME_PART, _COMMON_LAID_OVER)
    if limit < _HARDLY_LESS:
        return
    descriptors = np.array([photos[place].descriptors for place in own])
    part_of: dict[int, int] = {}
    for count, place in enumerate(own):
        for one in (photos[place], mirrored(photos[place])):
            for which in candidates_of(one, descriptors[:count]):
                if distance(photos[own[which]], one) <= limit:
                    found = part_of.get(own[which], own[which])
                    part_of[place] = min(found, part_of.get(place, place))
    for place, known in enumerate(first):
        first[place] = part_of.get(known, known)


def _distances(thumbnails: Floats, spread: Floats, place: int) -> Floats:
    """Of all from the one at a place, in levels, that of itself being none: as it is, and mirrored
    or turned to where it is nearest."""
    one = thumbnails[place].reshape(_SIDE, _SIDE)
    turned = [np.rot90(side, turns) for side in (one, one[:, ::-1]) for turns in range(4)]
    each = thumbnails @ np.array(turned).reshape(8, -1).T
    alike = np.stack([each[:, 0], each[:, 1:].max(axis=1)]) / thumbnails.shape[1]
    found: Floats = np.maximum(spread, spread[place]) * np.sqrt(1 - np.clip(alike, 0, 1) ** 2)
    found[:, place] = 0
    return found


def _limit(distances: Floats, limit: float, common: float = _COMMON) -> float:
    """How far copies are from each other at most, by the distances of any pairs."""
    if not len(distances):
        return limit
    return min(limit, _SAME_SHARE * float(np.quantile(distances, common, method="lower")))
