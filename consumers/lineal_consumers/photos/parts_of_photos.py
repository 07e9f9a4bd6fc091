"""Finds photos that are a part of another one: cropped, turned by any angle, or lit so that the
brightest is lost.

Y. Ke, R. Sukthankar, L. Huston: Efficient near-duplicate detection and sub-image retrieval (ACM
Multimedia 2004): local features (D. Lowe: SIFT, 2004; compared by their roots: Arandjelović and
Zisserman 2012) that agree on one movement. Photos of a line have most features in common, whatever
they are of: so what is found that way is laid over the other photo, and has to be the same to the
pixel.
"""

from __future__ import annotations

from contextlib import suppress
from math import inf
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from lineal_consumers.photos.image import Pixels

Grey = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

SIDE = 256
"""Of the longer side of what is compared, in pixels."""
_FEATURES = 64
_MIN_FEATURES = 12
"""Fewer on a photo, or fewer that agree, say nothing."""
_LIKE = 0.85
"""Cosine of two features that may be the same."""
_PIXELS = 3.0
_SCALE = (0.4, 2.5)
_BLUR = 2.0
_COARSE = 4
"""Standard deviation in pixels, and pixels that are compared as one: copies were scaled and
compressed."""
_MIN_OVERLAP = 0.15
_BRIGHTEST = 248
"""Of 256 levels, where compression may have changed 255."""
_FAR = 12.0
"""Levels that a movement to a fraction of a pixel does not make up for."""
_CANDIDATES = 2
"""Photos that one is laid over, those with most features in common."""
_ROUNDS = 20


class Features(NamedTuple):
    """What is compared of a photo."""

    grey: Grey
    clipped: Grey
    """255 where a colour is as bright as can be: what there was is lost."""
    points: Floats
    """Features × (column, row)."""
    descriptors: Floats
    """64 × 128, each of length 1; those that there are not are 0."""


def features_of(photo: Pixels) -> Features:
    """Features of a photo, rows × columns × RGB."""
    factor = SIDE / max(photo.shape[:2])
    size = [max(8, round(factor * pixels)) for pixels in reversed(photo.shape[:2])]
    small = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    clipped = np.where(small.max(axis=2) >= _BRIGHTEST, 255, 0).astype(np.uint8)
    return _features(np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8), clipped)


def mirrored(one: Features) -> Features:
    """Features of a photo as a mirror shows it."""
    grey, clipped = (np.ascontiguousarray(side[:, ::-1]) for side in (one.grey, one.clipped))
    return _features(grey, clipped)


def _features(grey: Grey, clipped: Grey) -> Features:
    sift = cv2.SIFT_create(nfeatures=_FEATURES, contrastThreshold=0.01)  # type: ignore[attr-defined]
    points, found = sift.detectAndCompute(grey, None)
    descriptors = np.zeros((_FEATURES, 128), np.float32)
    # the most pronounced first; SIFT may return some more than asked for
    order = sorted(range(len(points)), key=lambda place: -points[place].response)[:_FEATURES]
    if order:
        total = np.maximum(found[order].sum(axis=1, keepdims=True), 1e-6)
        descriptors[: len(order)] = np.sqrt(found[order] / total)
    at = np.array([points[place].pt for place in order], np.float32).reshape(-1, 2)
    return Features(grey, clipped, at, descriptors)


def candidates_of(one: Features, others: Floats) -> list[int]:
    """The places of those others that have most features in common with one.

    Args:
        others: their descriptors, photos × 64 × 128.
    """
    if not len(others):
        return []
    alike = (one.descriptors @ others.reshape(-1, others.shape[2]).T).reshape(
        len(one.descriptors), len(others), others.shape[1]
    )
    _, mutual = _mutual(alike)
    common = mutual.sum(axis=0)
    order = np.argsort(-common, kind="stable")[:_CANDIDATES]
    return [int(place) for place in order if common[place] >= _MIN_FEATURES]


def distance(one: Features, other: Features) -> float:
    """How far two photos differ where they show the same, in levels of 256; infinite where no
    movement brings one over the other."""
    nearest, mutual = _mutual((one.descriptors @ other.descriptors.T)[:, np.newaxis])
    own = np.flatnonzero(mutual[:, 0])
    if len(own) < _MIN_FEATURES:
        return inf
    target, source = one.points[own], other.points[nearest[own, 0]]
    movement, agreeing = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=_PIXELS, maxIters=500
    )
    if movement is None or int(agreeing.sum()) < _MIN_FEATURES:
        return inf
    if not _SCALE[0] < float(np.sqrt(abs(np.linalg.det(movement[:, :2])))) < _SCALE[1]:
        return inf
    back: Floats = np.asarray(cv2.invertAffineTransform(movement), np.float32)
    rough = _difference(one, other, back)
    if rough > _FAR:
        return rough
    return _difference(one, other, _refined(one.grey, other.grey, back))


def _mutual(alike: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Which feature of each other photo is nearest to each of one, and whether the two are each
    other's nearest and may be the same; both features × other photos.

    Args:
        alike: features × other photos × features of these.
    """
    nearest, back = alike.argmax(axis=2), alike.argmax(axis=0)
    own = np.arange(alike.shape[0])[:, np.newaxis]
    which = np.arange(alike.shape[1])[np.newaxis]
    return nearest, (back[which, nearest] == own) & (alike[own, which, nearest] >= _LIKE)


def _refined(target: Grey, source: Grey, back: Floats) -> Floats:
    """A movement to a fraction of a pixel (Evangelidis and Psarakis 2008)."""
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _ROUNDS, 1e-3)
    covered = _moved(np.full(source.shape, 255, np.uint8), back, target.shape)
    with suppress(cv2.error):  # it does not converge: the movement is as good as the features are
        _, refined = cv2.findTransformECC(
            target, source, back.copy(), cv2.MOTION_AFFINE, stop, covered, 5
        )
        return np.asarray(refined, np.float32)
    return back


def _moved(source: Grey, back: Floats, shape: tuple[int, ...]) -> Grey:
    moved = cv2.warpAffine(
        source, back, (shape[1], shape[0]), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return np.asarray(moved, np.uint8)


def _difference(target: Features, source: Features, back: Floats) -> float:
    height, width = shape = target.grey.shape
    size = (max(8, width // _COARSE), max(8, height // _COARSE))

    def coarse(grey: Grey) -> Grey:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), _BLUR), np.uint8)
        return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)

    there = coarse(_moved(np.full(source.grey.shape, 255, np.uint8), back, shape)) == 255
    if there.mean() < _MIN_OVERLAP:
        return inf
    known = (
        there & (coarse(target.clipped) == 0) & (coarse(_moved(source.clipped, back, shape)) == 0)
    )
    if known.mean() >= _MIN_OVERLAP:
        there = known
    one = coarse(target.grey)[there].astype(np.float32)
    other = coarse(_moved(source.grey, back, shape))[there].astype(np.float32)
    if one.std() < other.std():
        one, other = other, one
    # The levels of one as those of the other, whatever was done to them: the darkest are the
    # darkest (histogram matching).
    matched = np.empty_like(one)
    matched[np.argsort(one, kind="stable")] = np.sort(other)
    stretch = float(one.std()) / max(float(other.std()), 1e-6)
    return float(np.sqrt(((matched - other) ** 2).mean())) * stretch
