"""From photos to a model, defects, verification and a better model."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lineal.testing import StageHarness
from lineal_catalog.photos.projection import find_photo
from lineal_cli.examples.photos import washer
from lineal_consumers.photos.config import PhotosConfig
from lineal_consumers.photos.model import PhotoModel
from lineal_consumers.photos.stage import arrive, learn, photos, score
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.stage import evaluate, promote, retrain, train
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.models import (
    DatasetManifest,
    ModelDataset,
    ModelEvaluated,
    ModelPromoted,
    ModelTrained,
    ModelTrainingRequested,
)
from lineal_schemas.photos import (
    DefectDetected,
    InspectionSuspended,
    PhotoArrived,
    PhotoCaptured,
    PhotoScored,
    PhotoVerified,
)
from lineal_scoring.photo_model import PhotoModel as DeviceModel
from lineal_scoring.photo_model import decode_photo, to_model_size


class Line:
    """A camera, the stages of inspection, and the flywheel."""

    def __init__(self, harness: StageHarness) -> None:
        self.harness = harness

    async def take(self, photo: bytes, **labels: str) -> list[Any]:
        content = await self.harness.put(photo, "application/octet-stream")
        labels = {"line": "washers", **labels}
        return await self.harness.send(
            DocumentArrived(name="p.png", source="file:///p.png", labels=labels, content=content)
        )

    async def learn(self) -> list[Any]:
        request = ModelTrainingRequested(name="photos", cause="manual", requested_us=1)
        made = await self.harness.send(request)
        for promoted in made:
            if isinstance(promoted, ModelPromoted):
                file = await self.harness.get(promoted.artifact)
                await self.harness.use_artifact(
                    "photos", file, version=promoted.model.version, media_type="application/x-onnx"
                )
        return made

    async def manifest(self) -> DatasetManifest:
        dataset = self.harness.outputs(ModelDataset)[-1]
        return DatasetManifest.model_validate_json(await self.harness.get(dataset.manifest))


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    settings = {"kind": "photos", "shifted_copies": 1}
    config = RetrainConfig.model_validate({"models": {"photos": settings}})
    stages = (arrive, score, photos, learn, retrain, train, evaluate, promote)
    async with StageHarness(*stages, config=[config, PhotosConfig(breaker_photos=8)]) as harness:
        yield Line(harness)


DEFECTS = ("scratch", "stain", "broken")


async def teach(line: Line, normal: int = 30, defects: int = 9) -> None:
    for number in range(normal):
        await line.take(washer(number), verdict="normal")
    for number in range(defects):
        await line.take(washer(1000 + number, DEFECTS[number % 3]), verdict="defect")
    await line.learn()


async def test_a_photo_that_was_saved_again_is_not_tested_on_what_was_learnt_from() -> None:
    config = RetrainConfig.model_validate({"models": {"photos": {"kind": "photos"}}})
    async with StageHarness(arrive, learn, retrain, config=[config, PhotosConfig()]) as harness:
        line = Line(harness)
        for number in range(24):
            photo = Image.open(io.BytesIO(washer(number)))
            for quality in (95, 30):
                saved = io.BytesIO()
                photo.save(saved, "JPEG", quality=quality)
                await line.take(saved.getvalue(), verdict="normal")
        await harness.send(ModelTrainingRequested(name="photos", cause="manual", requested_us=1))
        manifest = await line.manifest()
    marks = [{item.fingerprint for item in part} for part in (manifest.train, manifest.test)]
    assert all(marks) and marks[0].isdisjoint(marks[1])
    # Each is with its copy: as many of both in each part.
    sizes = [
        [item.ref.bytes for item in part if item.ref] for part in (manifest.train, manifest.test)
    ]
    for part in sizes:
        assert sum(size < 10_000 for size in part) == sum(size >= 10_000 for size in part)


async def test_what_is_unlike_normal_photos_is_detected_with_its_place(line: Line) -> None:
    assert not any(isinstance(one, PhotoScored) for one in await line.take(washer(1)))
    await teach(line)
    (evaluated,) = line.harness.outputs(ModelEvaluated)
    assert evaluated.metrics["auroc"] >= 0.9
    assert "photos" in line.harness.artifacts
    before = len(line.harness.outputs(DefectDetected))
    for number in range(5):
        await line.take(washer(2000 + number), piece=f"n{number}")
    assert len(line.harness.outputs(DefectDetected)) == before
    await line.take(washer(3000, "broken"), piece="b1")
    await line.take(washer(3001, "broken"), piece="b1")
    found = line.harness.outputs(DefectDetected)[before:]
    assert [(one.group, one.photos) for one in found] == [("b1", 1)]
    assert found[0].score > found[0].threshold
    assert found[0].heat_map is not None
    drawn = Image.open(io.BytesIO(await line.harness.get(found[0].heat_map)))
    pixels = np.asarray(drawn.convert("RGB"), dtype=int)
    assert ((pixels[:, :, 0] - pixels[:, :, 1]) > 60).any()  # something is red


async def test_the_model_computes_the_same_from_its_golden_photos(line: Line) -> None:
    import base64
    import json

    import onnx

    await teach(line)
    (trained,) = line.harness.outputs(ModelTrained)
    data = await line.harness.get(trained.artifact)
    metadata = {p.key: p.value for p in onnx.load_from_string(data).metadata_props}
    golden = json.loads(metadata["lineal.golden"])
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(photo)))) for photo in golden["photos"]
    ]
    model = PhotoModel(data)
    assert [one.score for one in model.score_all(np.stack(pictures))] == golden["scores"]
    assert trained.threshold == model.threshold


async def test_a_photo_of_a_device_arrives_once_and_is_scored_as_the_device_did(line: Line) -> None:
    await teach(line)
    (trained,) = line.harness.outputs(ModelTrained)
    data = washer(3000, "broken")
    on_device = DeviceModel(await line.harness.get(trained.artifact))
    taken = PhotoCaptured(
        photo_id="cell-1.5", line="washers", device="cell-1", captured_us=5, image=data,
        media_type="image/png", score=on_device.score(to_model_size(decode_photo(data))).value,
    )  # fmt: skip
    for _ in range(2):  # a power cut has made the device send it again, as another event
        await line.harness.send(taken)
    (arrived,) = line.harness.outputs(PhotoArrived)[-1:]
    scored = [one for one in line.harness.outputs(PhotoScored) if one.photo_id == "cell-1.5"]
    assert [one.score for one in scored] == [pytest.approx(taken.score, rel=1e-5)]
    assert (arrived.photo_id, arrived.captured_us) == ("cell-1.5", 5)
    assert await line.harness.get(arrived.content) == data


async def test_photos_without_a_model_are_on_record_and_wait_for_somebodys_word(line: Line) -> None:
    content = await line.harness.put(washer(1), "image/png")
    photo = PhotoArrived(
        photo_id="cell-1.5", line="washers", content=content, captured_us=5, group="n1"
    )
    await line.harness.send(photo)
    (record,) = [one for one in line.harness.records if one.kind == "inspect"]
    assert record.outcome == "skipped"
    assert ("photo", content.sha256) in [(item.role, item.sha256) for item in record.inputs]
    said = {"line": "washers", "captured": 5, "label": ""}
    assert record.attributes.items() >= said.items()
    assert "n1" not in record.attributes.values(), "what a piece is called may name somebody"
    found = await line.harness.runtime.store.read(lambda c: find_photo(c, "cell-1.5"))
    assert (found.found, found.sha256, found.captured) == (None, content.sha256, 5)
    assert found.line == "washers" and found.piece == "n1"


async def test_a_device_sends_photos_of_its_own_lines_alone() -> None:
    config = PhotosConfig(devices={"washers": ("cell-?",), "*": ("bench",)})
    async with StageHarness(arrive, config=[config]) as harness:
        for place, (line, device) in enumerate(
            [("washers", "cell-1"), ("washers", "bench"), ("pills", "bench"), ("pills", "cell-1")]
        ):
            taken = PhotoCaptured(
                photo_id=f"{device}.{place}", line=line, device=device, captured_us=place,
                image=washer(1), media_type="image/png",
            )  # fmt: skip
            await harness.send(taken)
        arrived = harness.outputs(PhotoArrived)
        assert [photo.photo_id for photo in arrived] == ["cell-1.0", "bench.2"]
        refused = [letter.message for letter in harness.dead_letters]
        assert len(refused) == 2 and all("[stages.photos] devices" in one for one in refused)


async def test_what_a_person_says_of_a_photo_is_learnt_from_and_nobody_elses_word_is(
    line: Line,
) -> None:
    await teach(line)
    for number in range(24):
        await line.take(washer(6000 + number), piece=f"s{number}")
    unknown, *scored = line.harness.outputs(PhotoScored)[-24:]
    fields = {"photo_id", "line", "content", "captured_us", "group"}
    for place, photo in enumerate(scored):
        verified = PhotoVerified(
            **photo.model_dump(include=fields), by="user:ann", verified_us=5,
            label="defect" if place == 0 else "normal",
        )  # fmt: skip
        await line.harness.send(verified, actor="user:ann")
    assert line.harness.dead_letters == []
    await line.harness.send(
        PhotoVerified(
            **unknown.model_dump(include=fields), label="normal", by="user:ann", verified_us=5
        )
    )
    refused = {letter.error_class for letter in line.harness.dead_letters}
    assert refused == {"SenderNotPermitted"}
    await line.learn()
    manifest = await line.manifest()
    used = {item.source: item.label for part in (manifest.train, manifest.test) for item in part}
    assert unknown.photo_id not in used
    assert used[scored[0].photo_id] == "defect"
    assert {used[photo.photo_id] for photo in scored[1:]} == {"normal"}


async def test_one_piece_is_learnt_from_or_tested_on_and_a_photo_saved_again_is_the_same(
    line: Line,
) -> None:
    for number in range(24):
        await line.take(washer(number), verdict="normal", piece=f"piece{number // 2}")
    saved_again = io.BytesIO()
    Image.open(io.BytesIO(washer(3))).save(saved_again, "JPEG", quality=92)
    await line.take(saved_again.getvalue(), verdict="normal", piece="another")
    await line.learn()
    manifest = await line.manifest()
    groups = [{item.group for item in part} for part in (manifest.train, manifest.test)]
    assert groups[0].isdisjoint(groups[1])
    part_of_copy = 0 if "another" in groups[0] else 1
    assert "piece1" in groups[part_of_copy]


async def test_a_dark_camera_suspends_the_inspection(line: Line) -> None:
    await teach(line)
    before = len(line.harness.outputs(DefectDetected))
    for number in range(12):
        image = Image.open(io.BytesIO(washer(5000 + number))).point(lambda level: level // 4)
        data = io.BytesIO()
        image.save(data, "PNG")
        await line.take(data.getvalue(), piece=f"d{number}")
    (suspended,) = line.harness.outputs(InspectionSuspended)
    assert suspended.line == "washers"
    assert len(line.harness.outputs(DefectDetected)) - before <= 8


async def test_what_is_no_picture_is_refused_and_the_line_goes_on(line: Line) -> None:
    await teach(line)
    await line.take(b"no picture at all")
    assert line.harness.dead_letters[-1].error_class == "Reject"
    made = await line.take(washer(77))
    assert any(isinstance(one, PhotoScored) for one in made)
