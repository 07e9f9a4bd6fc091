"""A model of photos is packed for devices with a camera, and not where it scores wrongly here."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from lineal_consumers.deploy.package import NoPackage, PackageSpec, build_package, features_of
from lineal_schemas.deployments import PackageManifest
from lineal_schemas.models import ModelRef
from lineal_scoring.photo_model import INPUT
from tests.edge.photo_models import THRESHOLD, redness_model


def spec_of(data: bytes) -> PackageSpec:
    return PackageSpec(
        model=ModelRef(name="photos", version=1, sha256=sha256(data).hexdigest()),
        counter=1, created_us=1, expires_us=2, tolerance=1e-5, golden_windows=3,
    )  # fmt: skip


def test_its_manifest_leaves_golden_photos_to_the_signed_file(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(redness_model())
    text = build_package(file, spec_of(file.read_bytes()))
    manifest = PackageManifest.model_validate_json(text)
    assert (manifest.input_schema, manifest.threshold, manifest.golden) == (INPUT, THRESHOLD, ())
    assert features_of(file) == ["red", "green", "blue"]
    assert len(text) < 2000  # jobs come to devices in messages


def test_a_file_that_cannot_be_decoded_is_no_model(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(redness_model()[:100])
    with pytest.raises(NoPackage):
        build_package(file, spec_of(file.read_bytes()))
