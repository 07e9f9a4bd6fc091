"""Scores photos: the same on a device as centrally.

The file is an ONNX graph from ``photo`` (bytes, n × 256 × 256 × RGB) to ``score`` (float, n) and
``cells`` (float, n × rows × columns). Its metadata have ``lineal.threshold`` and ``lineal.golden``,
photos (PNG, base64) with the scores that the trainer's computer gave them.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from lineal_schemas.errors import LinealError
from lineal_schemas.models import InputSchema
from lineal_scoring.model import ModelError, session_options

SIZE = 256
"""Pixels of each side that models take: photos are scaled to a square."""
INPUT = InputSchema(features=("red", "green", "blue"), length=SIZE * SIZE, step=SIZE * SIZE)
"""What a photo is as a window: its pixels one after the other. A device with a camera measures the
mean of each."""
THRESHOLD, GOLDEN = "lineal.threshold", "lineal.golden"

Pixels = npt.NDArray[np.uint8]


class BadPhoto(LinealError, ValueError):
    """Bytes are no photo that can be decoded."""


@dataclass(frozen=True)
class PhotoScore:
    """What a model says of a photo."""

    value: float
    cells: npt.NDArray[np.float32]
    """Of each cell of a grid over the photo, how far it is from normal ones."""


class PhotoModel:
    """A loaded model. Photos are scored one at a time: the same photo always has the same score."""

    def __init__(self, data: bytes, threads: int = 1) -> None:
        """Load a model.

        Raises:
            ModelError: the graph is corrupt, has other inputs or outputs, or lacks its metadata.
        """
        self.sha256 = sha256(data).hexdigest()
        try:
            self._session = onnxruntime.InferenceSession(
                data, sess_options=session_options(threads), providers=["CPUExecutionProvider"]
            )
            metadata = self._session.get_modelmeta().custom_metadata_map
            self.threshold = float(metadata[THRESHOLD])
            self._golden: dict[str, Any] = json.loads(metadata.get(GOLDEN, "{}"))
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            raise ModelError(f"not a model of photos: {error}") from error
        if not (math.isfinite(self.threshold) and self.threshold > 0):
            raise ModelError(f"the threshold is {self.threshold}")
        taken = {item.name for item in self._session.get_inputs()}
        given = {item.name for item in self._session.get_outputs()}
        if taken != {"photo"} or not {"cells", "score"} <= given:
            raise ModelError(f"the graph takes {taken} and yields {given}: no model of photos")

    def score(self, pixels: Pixels) -> PhotoScore:
        """Score a photo of the size that models take (256 × 256 × RGB).

        Raises:
            ModelError: the graph fails, or what it yields is no number.
        """
        try:
            cells, scores = self._session.run(["cells", "score"], {"photo": pixels[None]})
            found = PhotoScore(float(scores[0]), cells[0])
        except Exception as error:
            raise ModelError(f"the model cannot score: {error}") from error
        if not math.isfinite(found.value):
            raise ModelError(f"the model scores {found.value}")
        return found

    def golden(self) -> list[tuple[float, float]]:
        """For each golden photo of the file the score it should have, and the one it has here.

        Raises:
            ModelError: there are none, or they cannot be read or scored.
        """
        try:
            pairs = list(zip(self._golden["photos"], self._golden["scores"], strict=True))
            photos = [(_decoded(base64.b64decode(photo)), float(score)) for photo, score in pairs]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the file has no golden photos that can be read: {error}") from error
        if not photos:
            raise ModelError("the file has no golden photos")
        return [(expected, self.score(photo).value) for photo, expected in photos]


def decode_photo(data: bytes) -> Pixels:
    """A photo as rows × columns × RGB, turned as its EXIF data says.

    Raises:
        BadPhoto: it cannot be decoded.
    """
    return np.ascontiguousarray(_decoded(data))


def to_model_size(pixels: Pixels) -> Pixels:
    """Scaled to what models take, averaging over the pixels that become one."""
    scaled = cv2.resize(pixels, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(scaled, dtype=np.uint8)


def _decoded(data: bytes) -> Pixels:
    found = None
    if data:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        raise BadPhoto("the photo cannot be decoded: it is damaged, or of another kind")
    return np.asarray(found[:, :, ::-1], dtype=np.uint8)
