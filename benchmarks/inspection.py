"""Defects on real photos: the aliens of Amazon Lookout for Vision's samples.

Three times, 38 of the 58 normal photos are drawn to learn from; the other 20 and the 60 anomalous
ones are scored. The settings are the defaults. The photos are not part of this repository;
``LINEAL_PHOTOS`` names another folder with the folders ``normal`` and ``anomaly``.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.measurement import Benchmark, Result, against_peer
from lineal_consumers.photos.config import PhotosModel
from lineal_consumers.photos.learner import PHOTOS, auroc
from lineal_consumers.photos.model import score_photo
from lineal_learning.learner import LearningData
from lineal_schemas.models import DatasetItem, DatasetManifest
from lineal_schemas.objects import ObjectRef

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "lookout_aliens"
_LEARNT_SHARE = 38 / 58
_DRAWS = 3
_PHOTOS = 40


def _items(folder: Path, label: str) -> list[tuple[DatasetItem, Path]]:
    found = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        digest = sha256(data).hexdigest()
        ref = ObjectRef(
            uri=f"sha256:{digest}", sha256=digest, bytes=len(data), media_type="image/*"
        )
        found.append(
            (DatasetItem(digest=digest, source=path.name, time_us=0, label=label, ref=ref), path)
        )
    return found


class _PixelsAndPca:
    """The peer: pixels of 64 by 64, and what scikit-learn's PCA leaves of them."""

    def __init__(self, photos: Sequence[bytes]) -> None:
        from sklearn.decomposition import PCA
        from sklearn.preprocessing import StandardScaler

        features = np.stack([self._features(photo) for photo in photos])
        self._scaler = StandardScaler().fit(features)
        self._pca = PCA(0.9, random_state=0).fit(self._scaler.transform(features))

    def _features(self, photo: bytes) -> Any:
        pixels = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert pixels is not None
        return cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_AREA).ravel().astype(np.float64)

    def score(self, photo: bytes) -> float:
        values = self._scaler.transform(self._features(photo)[None])
        rest = values - self._pca.inverse_transform(self._pca.transform(values))
        return float((rest**2).mean())


def _measure() -> Sequence[Result]:
    folder = Path(os.environ.get("LINEAL_PHOTOS") or FOLDER)
    if not folder.is_dir():
        print(f"  no folder {folder}: photos are not measured")
        return []
    normal, abnormal = _items(folder / "normal", "normal"), _items(folder / "anomaly", "defect")
    files = {item.digest: path for item, path in (*normal, *abnormal)}
    photos = {digest: path.read_bytes() for digest, path in files.items()}
    quality, speed = [], []
    for draw in range(_DRAWS):
        order = np.random.default_rng(draw).permutation(len(normal))
        count = round(_LEARNT_SHARE * len(normal))
        learnt = tuple(normal[place][0] for place in order[:count])
        held_out = tuple(normal[place][0] for place in order[count:])
        defects = tuple(item for item, _ in abnormal)
        manifest = DatasetManifest(
            model="photos", kind="photos", train=learnt, test=(*held_out, *defects)
        )
        data = LearningData(manifest, files)
        model = PHOTOS.export(PHOTOS.fit(data, PhotosModel(), "photos"))
        found = PHOTOS.evaluate(model, data, PhotosModel())
        peer = _PixelsAndPca([photos[item.digest] for item in learnt])
        theirs = auroc(
            [peer.score(photos[item.digest]) for item in held_out],
            [peer.score(photos[item.digest]) for item in defects],
        )
        print(
            f"  draw {draw}: AUROC {found['auroc']:.3f} (PCA of pixels {theirs:.3f}), at the "
            f"threshold {100 * found['false_alarm_rate']:.0f} % false alarms, "
            f"{100 * found['sensitivity']:.0f} % found"
        )
        quality.append((found["auroc"], theirs))
        speed.append(_rates(model, peer, [photos[i.digest] for i in defects][:_PHOTOS]))
    return [
        Result(
            name="quality.photos",
            value=statistics.mean(ours for ours, _ in quality),
            unit="AUROC",
            goal=">= 0.97",
            peer="scikit-learn PCA of pixels",
            peer_value=statistics.mean(theirs for _, theirs in quality),
        ),
        against_peer(
            "photos.rate",
            "photos/s a core, with heat map",
            ">= 20",
            "scikit-learn PCA of pixels, score alone",
            speed,
        ),
    ]


def _rates(model: bytes, peer: _PixelsAndPca, photos: Sequence[bytes]) -> tuple[float, float]:
    """Photos a second of processor time, from the file to score and heat map; and the peer's."""
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(model)
        file.flush()
        score_photo(photos[0], file.name, "all")
        begun = time.process_time()
        for photo in photos:
            score_photo(photo, file.name, "all")
        ours = len(photos) / (time.process_time() - begun)
    begun = time.process_time()
    for photo in photos:
        peer.score(photo)
    return ours, len(photos) / (time.process_time() - begun)


BENCHMARKS = (Benchmark(("quality.photos", "photos.rate"), _measure, limit_s=300, timed=False),)
