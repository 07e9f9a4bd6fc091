"""Labelled slides become a model, split by patient; it scores slides; planted leaks are found."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import tifffile

from lineal.testing import StageHarness
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.stage import evaluate, promote, retrain, train
from lineal_consumers.slides.config import SlidesConfig
from lineal_consumers.slides.joining import score_map
from lineal_consumers.slides.learner import SLIDES
from lineal_consumers.slides.nuclei import SCORER
from lineal_consumers.slides.stage import gather, learn, scatter, score
from lineal_consumers.slides.tiling import pack
from lineal_schemas.models import (
    DatasetManifest,
    ModelDataset,
    ModelEvaluated,
    ModelPromoted,
    ModelTrainingRequested,
)
from lineal_schemas.slides import Slide, SlideArrived, SlideLabel, SlideScored, TileGrid
from tests.consumers.slides.made_slide import GLASS, Pixels, tissue, write_slide

NAMES = [
    f"{name}_{part}"
    for name in ("score", *SCORER.features)
    for part in ("mean", "deviation", "top")
]
CONFIG = [
    SlidesConfig(),
    RetrainConfig.model_validate({"models": {"slides": {"kind": "slides", "test_share": 0.3}}}),
]


@pytest.fixture
async def harness() -> AsyncIterator[StageHarness]:
    stages = (scatter, score, gather, learn, retrain, train, evaluate, promote)
    async with StageHarness(*stages, config=CONFIG) as made:
        yield made


def features_of(patient: int, slide: int, label: SlideLabel) -> dict[str, float]:
    """Figures of a slide, in which its patient shows more than its label does."""
    chance = np.random.default_rng((patient, 0))
    ours = chance.uniform(0.1, 0.3, len(NAMES))
    ours += np.random.default_rng((patient, slide + 1)).normal(0, 0.01, len(NAMES))
    if label == "positive":
        ours[NAMES.index("score_top")] += 0.3
    return dict(zip(NAMES, map(float, ours), strict=True))


async def scored(
    harness: StageHarness,
    slide_id: str,
    patient: str | None,
    label: SlideLabel | None,
    *,
    like: tuple[int, int],
    brighter: float = 1.0,
) -> SlideScored:
    """A scored slide that looks like one of a patient's, but for the light."""
    nothing = await harness.put(b"nothing")
    features = {
        name: value * brighter for name, value in features_of(*like, label or "negative").items()
    }
    tiles = np.random.default_rng(like).uniform(0, 0.5, 16) * brighter
    drawn = pack(np.arange(16), tiles.astype(np.float32), np.zeros((16, 0), np.float32))
    return SlideScored(
        slide=Slide(slide_id=slide_id, content=nothing, patient=patient, label=label, arrived_us=1),
        grid=TileGrid(width=2048, height=2048), score=0.1, scorer=SCORER.version, scored=16,
        background=0, highest=(), scores=await harness.put(drawn),
        features=await harness.put(orjson.dumps(features, option=orjson.OPT_SORT_KEYS)),
        heat_map=nothing,
    )  # fmt: skip


async def label_slides(harness: StageHarness, patients: int = 20) -> None:
    for patient in range(patients):
        label: SlideLabel = "positive" if patient % 2 else "negative"
        for number in range(2):
            slide_id, like = f"s{patient}-{number}", (patient, number)
            await harness.send(await scored(harness, slide_id, f"p{patient}", label, like=like))


async def iterate(harness: StageHarness) -> DatasetManifest:
    await harness.send(ModelTrainingRequested(name="slides", cause="manual", requested_us=1))
    dataset = harness.outputs(ModelDataset)[-1]
    return DatasetManifest.model_validate_json(await harness.get(dataset.manifest))


async def test_labelled_slides_become_a_model_that_is_tested_on_other_patients(
    harness: StageHarness, tmp_path: Path
) -> None:
    await label_slides(harness)
    await harness.send(await scored(harness, "nobody", None, "positive", like=(99, 0)))
    await harness.send(await scored(harness, "plain", "p50", None, like=(50, 0)))
    manifest = await iterate(harness)
    learnt, tested = [{item.group for item in part} for part in (manifest.train, manifest.test)]
    assert len(learnt) + len(tested) == 20 and not learnt & tested
    assert [(item.source, item.reason) for item in manifest.quarantined] == [
        ("nobody", "its patient is not known, who may be in the test part")
    ]
    (evaluated,) = harness.outputs(ModelEvaluated)
    assert evaluated.metrics["auroc"] >= 0.9
    assert evaluated.metrics["patients"] == len(tested)
    (promoted,) = harness.outputs(ModelPromoted)
    assert harness.dead_letters == []

    # What is in use scores the slides that come.
    model = await harness.get(promoted.artifact)
    await harness.use_artifact("slides", model, media_type="application/x-onnx")
    path = write_slide(
        tmp_path / "slide.tif", 2048, lambda row, _: tissue(row, 40) if row > 2 else GLASS,
        levels=(8,),
    )  # fmt: skip
    content = await harness.put(path.read_bytes(), "image/tiff")
    arrived = SlideArrived(slide=Slide(slide_id="new", content=content, arrived_us=1))
    (found,) = [one for one in await harness.send(arrived) if isinstance(one, SlideScored)]
    assert found.model is not None and found.model.name == "slides"
    arrays = np.load(io.BytesIO(await harness.get(found.scores)))
    assert found.tile_mean == pytest.approx(arrays["scores"].mean(), abs=1e-5)
    assert found.score != found.tile_mean


async def test_a_slide_that_is_also_somebody_elses_is_in_one_part_with_it(
    harness: StageHarness,
) -> None:
    await label_slides(harness)
    for patient in range(20):  # the same slides, scanned again and filed under other names
        label: SlideLabel = "positive" if patient % 2 else "negative"
        copy, owner = f"copy{patient}", f"q{patient}"
        await harness.send(
            await scored(harness, copy, owner, label, like=(patient, 0), brighter=1.05)
        )
    manifest = await iterate(harness)
    part_of = {item.source: part for part in ("train", "test") for item in getattr(manifest, part)}
    assert len(part_of) == 60
    assert {part_of[f"copy{n}"] == part_of[f"s{n}-0"] for n in range(20)} == {True}
    assert sum(part == "test" for part in part_of.values()) > 6


def test_a_slide_that_is_saved_again_is_known_and_another_one_is_not(tmp_path: Path) -> None:
    from lineal_consumers.slides.tiling import plan_slide, score_tiles

    def example(path: Path) -> bytes:
        plan = plan_slide(str(path), 512, 0.5, 1000)
        shard = score_tiles(str(path), plan.grid, plan.tiles, "nuclei", 0.5)
        scores = tmp_path / "scores.npz"
        scores.write_bytes(shard.data)
        drawn = score_map(str(scores), plan.grid)
        return orjson.dumps({"scorer": SCORER.version, "size": [2048, 2048], "map": drawn})

    def segments(seed: int) -> Any:
        def segment(row: int, column: int) -> Pixels:
            dense = np.random.default_rng((seed, row // 2, column // 2)).integers(3, 60)
            return tissue(100 * seed + 10 * row + column, int(dense))

        return segment

    first = write_slide(tmp_path / "first.tif", 2048, segments(1), compression=None, levels=(8,))
    other = write_slide(tmp_path / "other.tif", 2048, segments(2), compression=None, levels=(8,))
    again = tmp_path / "again.tif"
    tifffile.imwrite(
        again, tifffile.imread(first), tile=(256, 256), photometric="rgb", compression="jpeg",
        compressionargs={"level": 75},
    )  # fmt: skip
    files = [tmp_path / "first.json", tmp_path / "again.json", tmp_path / "other.json"]
    for file, path in zip(files, (first, again, other), strict=True):
        file.write_bytes(example(path))
    one, same, another = SLIDES.fingerprints(files, SLIDES.settings())
    assert one == same != another
