"""The kind of source that is a camera, with what scores its photos."""

from __future__ import annotations

from lineal_edge.interfaces import Scorer, ScorerContext
from lineal_edge.sources.camera import Camera, CameraSource
from lineal_edge.sources.kinds import SourceKind


def _open(settings: CameraSource, _device: str) -> Camera:
    return Camera(settings)


def _make_scorer(context: ScorerContext) -> Scorer:
    # OpenCV and onnxruntime take their time to load
    from lineal_edge.update.photo_scorer import build_photo_scorer

    return build_photo_scorer(context)


KIND = SourceKind(CameraSource, _open, extra="camera", libraries=("cv2",), make_scorer=_make_scorer)
