"""The models behind recognition and language are named by their digests."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import pytest

from lineal.lineage.record import UsedArtifact
from lineal_consumers.nlp.config import NlpConfig
from lineal_consumers.nlp.models import language_models
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.models import recognition_models


def names_of(models: Iterable[UsedArtifact]) -> list[str]:
    """Without those of the second engine, which is an extra."""
    return [model.name for model in models if not model.name.startswith("rapidocr/")]


def test_recognition_names_its_trained_data_and_that_of_orientation() -> None:
    models = recognition_models(OcrConfig(detect_language=False))
    assert names_of(models) == ["tesseract/eng", "tesseract/osd"]
    assert all(model.version[0].isdigit() for model in models)


def test_trained_data_of_ones_own_is_another_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("deu", "eng"):
        (tmp_path / f"{name}.traineddata").write_bytes(name.encode())
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    models = recognition_models(OcrConfig(language="deu+eng"))
    assert [(model.name, model.version, model.sha256) for model in models[:2]] == [
        ("tesseract/deu", "local", sha256(b"deu").hexdigest()),
        ("tesseract/eng", "local", sha256(b"eng").hexdigest()),
    ]


def test_the_languages_that_pages_may_be_in_are_models_too() -> None:
    names = names_of(recognition_models(OcrConfig()))
    assert names[2:] == ["tesseract/other languages", "py3langid/model"]


def test_an_engine_that_is_left_out_uses_no_model() -> None:
    names = [model.name for model in language_models(NlpConfig())]
    assert [name.partition("/")[0] for name in names] == [
        "py3langid", "probablepeople", "usaddress",
    ]  # fmt: skip
    assert language_models(NlpConfig(language="none", personal_data=("emails",))) == []
