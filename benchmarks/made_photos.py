"""Defects on photos of three kinds, drawn for this: cloth, circuit boards, blisters of pills.

Of each, 40 normal photos are learnt from; 25 other normal ones and 25 with a defect are scored.
Each photo has noise, a light of its own, and is turned and moved a little. The settings are the
defaults: nothing was chosen by these photos.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.measurement import Benchmark, Result
from lineal_consumers.photos.config import PhotosModel
from lineal_consumers.photos.learner import PHOTOS
from lineal_learning.learner import LearningData
from lineal_schemas.models import DatasetItem, DatasetManifest
from lineal_schemas.objects import ObjectRef

_SIDE = 320
_LEARNT, _SCORED = 40, 25


def _cloth(chance: np.random.Generator, defect: bool) -> Any:
    """Woven; a hole, a missing thread, or a stain."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    across, down = chance.uniform(0, 6, 2)
    warp = np.sin(2 * np.pi * (columns + across) / 8)
    weave = 120 + 35 * warp * np.sign(np.sin(2 * np.pi * (rows + down) / 16))
    weave += 25 * np.sin(2 * np.pi * (rows + down) / 8)
    drawn = np.stack([weave * 0.9, weave * 0.95, weave * 1.1], -1)
    if not defect:
        return drawn
    kind = chance.integers(3)
    y, x = (int(place) for place in chance.integers(50, _SIDE - 50, 2))
    if kind == 0:
        size = int(chance.integers(8, 16)), int(chance.integers(6, 12))
        cv2.ellipse(drawn, (x, y), size, 0, 0, 360, (30, 30, 30), -1)
    elif kind == 1:
        drawn[:, x : x + 5] = drawn[:, x : x + 5] * 0.4 + 90
    else:
        drawn[(rows - y) ** 2 + (columns - x) ** 2 < chance.integers(14, 24) ** 2] *= 0.65
    return drawn


def _board(chance: np.random.Generator, defect: bool) -> Any:
    """With parts; one is missing, solder bridges two, or there is a burn."""
    drawn = np.full((_SIDE, _SIDE, 3), (60, 110, 30), float)
    for line in range(6):
        cv2.line(drawn, (30 + line * 45, 20), (30 + line * 45, 300), (90, 160, 70), 4)
    parts = [(60, 60, 50, 30), (170, 70, 60, 60), (70, 190, 80, 50), (220, 200, 50, 70),
             (150, 260, 40, 24)]  # fmt: skip
    missing = int(chance.integers(len(parts))) if defect and chance.random() < 0.5 else None
    for number, (x, y, width, height) in enumerate(parts):
        if number == missing:
            continue
        cv2.rectangle(drawn, (x, y), (x + width, y + height), (35, 35, 38), -1)
        for pin in range(x + 4, x + width, width // 4):
            cv2.rectangle(drawn, (pin, y - 5), (pin + 5, y), (190, 195, 200), -1)
    if defect and missing is None:
        x, y = (int(place) for place in chance.integers(60, 260, 2))
        if chance.random() < 0.5:
            end = x + int(chance.integers(25, 50)), y + int(chance.integers(-15, 15))
            cv2.line(drawn, (x, y), end, (200, 205, 210), 3)
        else:
            cv2.circle(drawn, (x, y), int(chance.integers(9, 14)), (20, 60, 110), -1)
    return drawn


def _pills(chance: np.random.Generator, defect: bool) -> Any:
    """Twelve in a blister; one is missing, broken, or stained."""
    drawn = np.full((_SIDE, _SIDE, 3), (190, 190, 195), float)
    hit, kind = (int(chance.integers(12)), int(chance.integers(3))) if defect else (None, None)
    for number in range(12):
        x, y = 50 + (number % 4) * 73, 60 + (number // 4) * 100
        cv2.circle(drawn, (x, y), 30, (165, 165, 170), -1)
        if number == hit and kind == 0:
            continue
        cv2.circle(drawn, (x, y), 24, (235, 240, 240), -1)
        if number == hit and kind == 1:
            cv2.ellipse(drawn, (x + 10, y), (16, 24), 0, -60, 60, (165, 165, 170), -1)
        elif number == hit:
            cv2.circle(drawn, (x - 4, y + 4), 8, (60, 90, 160), -1)
    return drawn


_KINDS: dict[str, Callable[[np.random.Generator, bool], Any]] = {
    "cloth": _cloth, "boards": _board, "pills": _pills,
}  # fmt: skip


def _photo(chance: np.random.Generator, drawn: Any) -> bytes:
    """As a camera takes it."""
    lit = drawn * chance.uniform(0.92, 1.08) + chance.normal(0, 4, drawn.shape)
    turned: Any = cv2.getRotationMatrix2D((_SIDE / 2, _SIDE / 2), chance.uniform(-1.5, 1.5), 1)
    turned[:, 2] += chance.uniform(-4, 4, 2)
    size = (_SIDE, _SIDE)
    moved: Any = cv2.warpAffine(lit.astype(np.float32), turned, size, borderMode=cv2.BORDER_REFLECT)
    whole = np.clip(moved, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def boards_model(folder: Path) -> bytes:
    """A model of circuit boards; photos of them are written into the folder."""
    data = _photos(folder, list(_KINDS).index("boards"), _board)
    return PHOTOS.export(PHOTOS.fit(data, PhotosModel(), "photos"))


def _auroc(folder: Path, number: int, draw: Callable[[np.random.Generator, bool], Any]) -> float:
    data, settings = _photos(folder, number, draw), PhotosModel()
    found = PHOTOS.evaluate(PHOTOS.export(PHOTOS.fit(data, settings, "photos")), data, settings)
    print(f"  {found}")
    return found["auroc"]


def _photos(
    folder: Path, number: int, draw: Callable[[np.random.Generator, bool], Any]
) -> LearningData:
    files: dict[str, Path] = {}
    parts: list[tuple[DatasetItem, ...]] = []
    for part, count in enumerate((_LEARNT, _SCORED, _SCORED)):
        items = []
        for place in range(count):
            chance = np.random.default_rng((number, part, place))
            data = _photo(chance, draw(chance, part == 2))
            digest = sha256(data).hexdigest()
            files[digest] = folder / digest
            files[digest].write_bytes(data)
            ref = ObjectRef(
                uri=f"sha256:{digest}", sha256=digest, bytes=len(data), media_type="image/jpeg"
            )
            label = "defect" if part == 2 else "normal"
            items.append(
                DatasetItem(
                    digest=digest, source=f"{part}/{place}", time_us=0, label=label, ref=ref
                )
            )
        parts.append(tuple(items))
    manifest = DatasetManifest(
        model="photos", kind="photos", train=parts[0], test=(*parts[1], *parts[2])
    )
    return LearningData(manifest, files)


def _measure() -> Sequence[Result]:
    with tempfile.TemporaryDirectory() as name:
        return [
            Result(
                name=f"quality.photos_made.{kind}", value=_auroc(Path(name), number, draw),
                unit="AUROC", goal=">= 0.95",
            )
            for number, (kind, draw) in enumerate(_KINDS.items())
        ]  # fmt: skip


BENCHMARKS = (
    Benchmark(tuple(f"quality.photos_made.{kind}" for kind in _KINDS), _measure, timed=False),
)
