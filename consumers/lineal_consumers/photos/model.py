"""Runs photo models, and draws what they find."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lineal import Reject
from lineal_consumers.photos.image import Pixels
from lineal_scoring import photo_model
from lineal_scoring.model import ModelError
from lineal_scoring.photo_model import to_model_size

Array = npt.NDArray[np.float32]
_QUALITY = 80
_WIDTH = 480
"""Of heat maps, in pixels."""


class Scored(NamedTuple):
    """What a model says of a photo."""

    score: float
    cells: Array
    """Of each cell of a grid over the photo, how far it is from normal ones."""


class PhotoModel:
    """A loaded model.

    Raises:
        Reject: the file is no photo model.
    """

    def __init__(self, data: bytes, threads: int = 1) -> None:
        try:
            self._model = photo_model.PhotoModel(data, threads)
        except ModelError as error:
            raise Reject("the file is no model of photos") from error
        self.threshold = self._model.threshold

    def score(self, pixels: Pixels) -> Scored:
        """Score a photo of any size."""
        return self.score_all(to_model_size(pixels)[None])[0]

    def score_all(self, photos: npt.NDArray[np.uint8]) -> list[Scored]:
        """Score photos of the size that models take: count × 256 × 256 × 3."""
        found = map(self._model.score, photos)
        return [Scored(one.value, one.cells) for one in found]


@lru_cache(maxsize=8)
def _loaded(path: str) -> PhotoModel:
    """By path: objects are kept under their digest and never change."""
    from pathlib import Path

    return PhotoModel(Path(path).read_bytes())


class ScoredPhoto(NamedTuple):
    """What a worker process answers."""

    score: float
    threshold: float
    heat_map: bytes | None


def score_photo(photo: bytes, model: str, heat_maps: str) -> ScoredPhoto:
    """Score a photo with the model in a file; run in a worker process.

    Raises:
        Reject: the photo cannot be read, or the file is no photo model.
    """
    from lineal_consumers.photos.image import decode_photo

    pixels = decode_photo(photo)
    loaded = _loaded(model)
    found = loaded.score(pixels)
    wanted = heat_maps == "all" or (heat_maps == "defects" and found.score > loaded.threshold)
    drawn = heat_map(pixels, found.cells, loaded.threshold) if wanted else None
    return ScoredPhoto(found.score, loaded.threshold, drawn)


def heat_map(pixels: Pixels, cells: Array, threshold: float) -> bytes:
    """The photo in grey with the cells that are not normal in red, as JPEG.

    A cell at the threshold is half covered: the score is a mean over the most abnormal cells.
    """
    import cv2

    height, width = pixels.shape[:2]
    size = (_WIDTH, max(1, round(height * _WIDTH / width)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    heat = cells / (cells + threshold)
    heat = np.clip(2 * cv2.resize(heat, size, interpolation=cv2.INTER_LINEAR) - 0.6, 0, 1)
    grey = np.repeat(small.mean(axis=2, keepdims=True), 3, axis=2)
    red = np.array([255.0, 32.0, 0.0], dtype=np.float32)
    cover = heat[:, :, None].astype(np.float32) * 0.8
    mixed = (grey * (1 - cover) + red * cover).astype(np.uint8)
    done, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(mixed[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    assert done
    drawn: Any = data.tobytes()
    return bytes(drawn)
