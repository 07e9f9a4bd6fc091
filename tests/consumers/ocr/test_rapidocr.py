"""Photos are read by RapidOCR where it is installed with the models that are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from lineal_consumers.ocr import rapidocr
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.figure_conflicts import FIGURE_CONFLICT, find_figure_conflicts
from lineal_consumers.ocr.models import recognition_models
from lineal_consumers.ocr.tesseract import DetectedWord
from tests.consumers.ocr.conftest import ReadFile

SaveFile = Callable[..., Path]
LINES = ("CORNER MARKET", "Rye bread 13.20", "TOTAL 42.63")


@pytest.fixture
def snapshot() -> Image.Image:
    """A small white note on a gray table."""
    note = Image.new("L", (520, 300), 240)
    pen, font = ImageDraw.Draw(note), ImageFont.load_default(size=34)
    for number, line in enumerate(LINES):
        pen.text((40, 40 + 80 * number), line, fill=40, font=font)
    photo = Image.new("L", (900, 700), 90)
    photo.paste(note, (190, 200))
    return photo


@pytest.fixture
def without_rapidocr(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    rapidocr._models.cache_clear()
    monkeypatch.setattr(rapidocr, "version", missing)
    yield
    rapidocr._models.cache_clear()


def test_three_known_lines_give_three_known_answers(snapshot: Image.Image) -> None:
    if not rapidocr.is_installed():
        pytest.skip("RapidOCR is not installed")
    words = rapidocr.recognize(np.asarray(snapshot))
    assert " ".join(word.text for word in words) == " ".join(LINES)
    assert [word.text for word in words if word.new_line] == ["CORNER", "Rye", "TOTAL"]
    total = words[-1]
    assert 190 + 150 < (total.left + total.right) / 2 < 190 + 280
    assert all(word.confidence > 0.9 for word in words)


def test_a_photo_says_which_engine_read_it(
    snapshot: Image.Image, as_file: SaveFile, read_file: ReadFile
) -> None:
    if not rapidocr.is_installed():
        pytest.skip("RapidOCR is not installed")
    read = read_file(as_file(snapshot, "photo.png"), "image")
    assert read.text.split() == " ".join(LINES).split()
    assert read.page.engine == "rapidocr"
    (engine,) = read.result.engines
    assert (engine.name, engine.version) == ("rapidocr", rapidocr.engine_version())
    named = [model.name for model in recognition_models(OcrConfig())]
    assert named[-2:] == ["rapidocr/PP-OCRv6_det_small", "rapidocr/PP-OCRv6_rec_small"]


@pytest.mark.usefixtures("without_rapidocr")
def test_without_it_the_photo_is_read_all_the_same(
    snapshot: Image.Image, as_file: SaveFile, read_file: ReadFile
) -> None:
    read = read_file(as_file(snapshot, "photo.png"), "image")
    assert read.text.split() == " ".join(LINES).split()
    assert read.page.engine == "tesseract"
    assert not [m for m in recognition_models(OcrConfig()) if m.name.startswith("rapidocr")]


def test_other_weights_under_the_known_names_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not rapidocr.is_installed():
        pytest.skip("RapidOCR is not installed")
    (tmp_path / "models").mkdir()
    for name in ("PP-OCRv6_det_small", "PP-OCRv6_rec_small"):
        (tmp_path / "models" / f"{name}.onnx").write_bytes(b"other weights")

    class Spec:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(rapidocr, "find_spec", lambda _name: Spec)
    rapidocr._models.cache_clear()
    try:
        assert not rapidocr.is_installed()
        assert rapidocr.models() == []
    finally:
        rapidocr._models.cache_clear()


def test_a_page_in_letters_that_it_does_not_know_is_left_to_tesseract(
    snapshot: Image.Image, as_file: SaveFile, monkeypatch: pytest.MonkeyPatch, read_file: ReadFile
) -> None:
    monkeypatch.setattr(rapidocr, "reads", lambda _language: False)
    read = read_file(as_file(snapshot, "photo.png"), "image")
    assert read.page.engine == "tesseract"
    assert not rapidocr.reads("rus") and not rapidocr.reads("ara+eng")


def test_a_line_of_pixels_is_not_given_to_an_engine_that_makes_a_square_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RapidOCR took two gigabytes for an image of 3,000 pixels."""
    given: list[object] = []
    monkeypatch.setattr(rapidocr, "_engine", lambda: given.append)
    assert rapidocr.recognize(np.zeros((1, 3000), np.uint8)) == []
    assert rapidocr.recognize(np.zeros((20, 20_000), np.uint8)) == []
    assert given == []


def word(text: str, left: float, top: float = 0, new_line: bool = False) -> DetectedWord:
    return DetectedWord(text, 0.9, left, top, left + 10 * len(text), top + 20, new_line, False)


def test_figures_that_two_engines_read_differently_are_in_dispute() -> None:
    one = [word("TOTAL", 0, new_line=True), word("42.63", 100), word("12", 0, 40, new_line=True)]
    same = [word("TOTAL", 1), word("42.", 101), word("63", 131), word("twelve", 0, 80)]
    assert find_figure_conflicts(one, same) == []
    other = [word("TOTAL", 1), word("47.63", 101)]
    assert find_figure_conflicts(one, other) == [(100, 0, 150, 20)]
    assert "figures" in FIGURE_CONFLICT
