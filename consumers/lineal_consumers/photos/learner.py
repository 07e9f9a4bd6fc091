"""Learns how normal photos look: a subspace of their features, and how far is too far."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lineal import Reject
from lineal_consumers.photos.config import PhotosModel
from lineal_learning.gates import GateRule, Gates
from lineal_learning.golden import GoldenInputs
from lineal_learning.learner import Fitted, Learner, LearningData
from lineal_schemas.models import DatasetItem, InputSchema, Metrics

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lineal_consumers.photos.image import Pixels

    Array = npt.NDArray[np.float32]

_FOLDS = 4
_MIN_PHOTOS = 8
_GOLDEN = 2
_GOLDEN_PHOTOS = 8
"""Of each label, for a server."""


class _Subspace(NamedTuple):
    """Normal photos."""

    mean: Array
    scale: Array
    basis: Array


class _Learnt(NamedTuple):
    subspace: _Subspace
    threshold: float
    features: str
    golden: list[Pixels]


class PhotosLearner(Learner[PhotosModel]):
    """Finds what is unlike normal photos: ``kind = "photos"``."""

    kind = "photos"
    settings = PhotosModel
    libraries = ("numpy", "onnx", "onnxruntime", "opencv-python-headless", "scipy", "threadpoolctl")
    code = ("lineal_consumers.photos", "lineal_learning")

    def min_new_rows(self, settings: PhotosModel) -> int:
        return settings.min_new_photos

    def features(self, settings: PhotosModel) -> InputSchema:
        from lineal_scoring.photo_model import INPUT

        return INPUT

    def false_alarm_rate(self, settings: PhotosModel) -> float:
        return settings.false_alarm_rate

    def fingerprints(self, files: Sequence[Path], settings: PhotosModel) -> list[str | None]:
        """The first of those that are the same photo, however it was saved."""
        from lineal_consumers.photos.copies import first_of_each
        from lineal_consumers.photos.image import decode_photo

        first = first_of_each(decode_photo(file.read_bytes()) for file in files)
        return [sha256(files[place].read_bytes()).hexdigest()[:32] for place in first]

    def fit(self, data: LearningData, settings: PhotosModel, algorithm: str) -> Fitted:
        import numpy as np

        normal = [item for item in data.manifest.train if item.label == "normal"]
        if len(normal) < _MIN_PHOTOS:
            raise Reject(f"at least {_MIN_PHOTOS} normal photos are needed to learn from")
        # Chosen by digest: every run takes the same, whatever order they came in.
        normal = sorted(normal, key=lambda item: item.digest)[: settings.max_photos]
        copies = min(settings.shifted_copies, settings.max_photos // len(normal) - 1)
        features = _Features(settings.features)
        photos = [_pixels(data, item) for item in normal]
        plain = features.of(photos)
        moved = features.copies_of(photos, copies, settings.seed)
        held_out = np.concatenate(
            [
                _scores(_subspace(plain[known], moved[known], settings), plain[left_out])
                for known, left_out in _folds([item.group or item.source for item in normal])
            ]
        )
        threshold = _threshold(held_out, settings.false_alarm_rate)
        subspace = _subspace(plain, moved, settings)
        picked = [photos[place] for place in np.linspace(0, len(photos) - 1, _GOLDEN).astype(int)]
        return Fitted(
            model=_Learnt(subspace, threshold, settings.features, picked),
            algorithm=f"pca-{settings.features}",
            metrics={
                "normal_photos": float(len(normal)),
                "held_out_alarm_share": float((held_out > threshold).mean()),
                "components": float(len(subspace.basis)),
            },
            parameters={"copies": copies, "explained": settings.explained},
            threshold=threshold,
        )

    def export(self, fitted: Fitted) -> bytes:
        import cv2
        import numpy as np

        from lineal_consumers.photos.model import PhotoModel

        learnt: _Learnt = fitted.model
        plain = _file(learnt, {"threshold": learnt.threshold, "features": learnt.features})
        scored = PhotoModel(plain).score_all(np.stack(learnt.golden))
        # What a server or a device scores before it puts the model into use.
        golden = {
            "photos": [
                base64.b64encode(cv2.imencode(".png", photo[:, :, ::-1])[1].tobytes()).decode()
                for photo in learnt.golden
            ],
            "scores": [one.score for one in scored],
        }
        return _file(
            learnt,
            {"threshold": learnt.threshold, "features": learnt.features, "golden": golden},
        )

    def evaluate(self, model: bytes, data: LearningData, settings: PhotosModel) -> Metrics:
        """``false_alarm_rate``: of the normal test photos, those above the threshold; with photos
        of defects also ``sensitivity``, of them those above it, and ``auroc``."""
        import numpy as np

        from lineal_consumers.photos.model import PhotoModel

        items = [item for item in data.manifest.test if item.label is not None]
        normal = np.array([item.label == "normal" for item in items])
        if not normal.any():
            raise Reject("there are no normal test photos to evaluate on")
        loaded = PhotoModel(model)
        scores = np.array([loaded.score_all(_pixels(data, item)[None])[0].score for item in items])
        above = scores > loaded.threshold
        found = {"false_alarm_rate": float(above[normal].mean()), "photos": float(len(items))}
        if normal.all():
            # Nothing is known of defects: neither good nor bad.
            return found | {"auroc": 1.0, "sensitivity": 1.0, "defects": 0.0}
        return found | {
            "auroc": auroc(scores[normal], scores[~normal]),
            "sensitivity": float(above[~normal].mean()),
            "defects": float((~normal).sum()),
        }

    def golden(self, model: bytes, data: LearningData, settings: PhotosModel) -> GoldenInputs:
        """Photos of the test part, evenly over it: of normal pieces and of defects."""
        import numpy as np

        from lineal_consumers.photos.model import PhotoModel

        known = [item for item in data.manifest.test if item.label is not None]
        items = []
        for label in ("normal", "defect"):
            alike = [item for item in known if item.label == label]
            count = min(len(alike), _GOLDEN_PHOTOS)
            items += [alike[at] for at in np.linspace(0, len(alike) - 1, count).astype(int)]
        if not items:
            raise Reject("there are no test photos to choose golden samples from")
        return GoldenInputs(
            inputs={"photo": np.stack([_pixels(data, item) for item in items])},
            truth=np.array([float(item.label == "defect") for item in items]),
            measure="score",
            output="score",
            threshold=PhotoModel(model).threshold,
        )

    def gates(self, settings: PhotosModel) -> Gates:
        return Gates(
            rules=(
                GateRule(
                    metric="false_alarm_rate", rule="at_most", limit=settings.max_false_alarms
                ),
                GateRule(metric="auroc", limit=settings.min_auroc),
                GateRule(metric="auroc", tolerance=settings.tolerance),
            ),
            score={"auroc": 1.0, "false_alarm_rate": -0.1},
        )


def auroc(normal: Any, abnormal: Any) -> float:
    """How often an abnormal photo scores higher than a normal one; ties count half."""
    import numpy as np
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([normal, abnormal]))[len(normal) :]
    pairs = len(normal) * len(abnormal)
    return float((ranks.sum() - len(abnormal) * (len(abnormal) + 1) / 2) / pairs)


def _pixels(data: LearningData, item: DatasetItem) -> Pixels:
    from lineal_consumers.photos.image import decode_photo
    from lineal_scoring.photo_model import to_model_size

    return to_model_size(decode_photo(data.file_of(item).read_bytes()))


class _Features:
    """Features of photos, by the graph that the model will hold."""

    def __init__(self, kind: str) -> None:
        from lineal_consumers.photos.graph import Graph, graph_file
        from lineal_learning.onnx_file import open_session

        graph = Graph()
        shape = _add_features(graph, kind)
        self._session = open_session(graph_file(graph, {"features": ["count", *shape]}, {}))

    def of(self, photos: Sequence[Pixels]) -> Array:
        import numpy as np

        found = [self._session.run(None, {"photo": photo[None]})[0][0] for photo in photos]
        return np.stack(found)

    def copies_of(self, photos: Sequence[Pixels], copies: int, seed: int) -> Array:
        """Of shifted copies of each photo: count × copies × features."""
        import numpy as np

        from lineal_consumers.photos.image import shifted_copies

        if copies < 1:
            return np.empty((len(photos), 0, 0, 0, 0), np.float32)
        return np.stack(
            [
                self.of(shifted_copies(photo, copies, seed + number))
                for number, photo in enumerate(photos)
            ]
        )


def _add_features(graph: Any, kind: str) -> list[int]:
    """Put the features into a graph; their shape."""
    from lineal_consumers.photos.graph import CHANNELS, GRID, classical_features

    classical_features(graph)
    return [CHANNELS, GRID, GRID]


def _file(learnt: _Learnt, metadata: dict[str, Any]) -> bytes:
    from lineal_consumers.photos.graph import Graph, graph_file, residual_score

    graph = Graph()
    shape = _add_features(graph, learnt.features)
    residual_score(graph, "features", *learnt.subspace)
    outputs: dict[str, list[str | int]] = {"cells": ["count", *shape[1:]], "score": ["count"]}
    return graph_file(graph, outputs, {"kind": "photos", **metadata})


def _subspace(plain: Array, moved: Array, settings: PhotosModel) -> _Subspace:
    """The directions in which normal photos differ from each other."""
    import numpy as np

    known = plain if not moved.size else np.concatenate([plain, *np.moveaxis(moved, 1, 0)])
    mean = known.mean(axis=0)
    centred = known - mean
    scale = np.sqrt((centred**2).mean(axis=(0, 2, 3), keepdims=True))[0] + np.float32(1e-3)
    values = (centred / scale).reshape(len(known), -1).astype(np.float64)
    # Fewer photos than features: the small matrix of their products has the same directions.
    lengths, vectors = np.linalg.eigh(values @ values.T)
    order = np.argsort(lengths)[::-1]
    lengths, vectors = np.maximum(lengths[order], 0.0), vectors[:, order]
    explained = np.cumsum(lengths) / max(float(lengths.sum()), 1e-12)
    most = min(settings.max_components, len(known) - 1)
    kept = min(int((explained < settings.explained).sum()) + 1, most)
    basis = (vectors[:, :kept].T @ values) / np.sqrt(np.maximum(lengths[:kept, None], 1e-12))
    return _Subspace(mean, scale, basis.astype(np.float32))


def _scores(subspace: _Subspace, features: Array) -> Array:
    """As the graph computes them."""
    import numpy as np

    from lineal_consumers.photos.graph import TOP_CELLS

    values = ((features - subspace.mean) / subspace.scale).reshape(len(features), -1)
    rest = values - (values @ subspace.basis.T) @ subspace.basis
    cells = (rest.reshape(features.shape) ** 2).mean(axis=1).reshape(len(features), -1)
    top: Array = np.sort(cells, axis=1)[:, -TOP_CELLS:].mean(axis=1)
    return top


def _folds(groups: Sequence[str]) -> list[tuple[list[int], list[int]]]:
    """Which photos are known and which left out, in turn; those of one group together."""
    fold_of = {
        group: place % _FOLDS
        for place, group in enumerate(
            sorted(set(groups), key=lambda group: sha256(group.encode()).digest())
        )
    }
    folds = []
    for fold in range(_FOLDS):
        left_out = [n for n, group in enumerate(groups) if fold_of[group] == fold]
        known = [n for n, group in enumerate(groups) if fold_of[group] != fold]
        if left_out and known:
            folds.append((known, left_out))
    return folds


def _threshold(scores: Array, rate: float) -> float:
    """What a further normal photo exceeds at a rate, by scores of photos that were left out.

    With enough photos it is the order statistic that conformal prediction takes; with few, the
    upper limit of prediction of a log-normal distribution.
    """
    import numpy as np
    from scipy.stats import t

    count = len(scores)
    if count >= 5 / rate:
        place = min(count - 1, int(np.ceil((count + 1) * (1 - rate))) - 1)
        return float(np.sort(scores)[place])
    logs = np.log(np.maximum(scores, 1e-12))
    room = t.ppf(1 - rate, count - 1) * logs.std(ddof=1) * np.sqrt(1 + 1 / count)
    return float(np.exp(logs.mean() + room))


PHOTOS = PhotosLearner()
