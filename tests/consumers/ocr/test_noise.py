"""Figures on noisy paper are read as on a clean page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from benchmarks.invoices import invoice
from lineal_consumers.ocr import recognition, tesseract
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.noise import noise_of, smoothed
from lineal_consumers.ocr.page_raster import Raster
from tests.consumers.ocr.conftest import DrawPage, ReadFile

DPI = 200


def typed_page() -> tuple[Image.Image, list[str]]:
    """An invoice in a typewriter's letters, and the figures that are on it."""
    document = pypdfium2.PdfDocument(invoice(119, 9).pdf)
    image: Image.Image = document[0].render(scale=DPI / 72, grayscale=True).to_pil()
    words = document[0].get_textpage().get_text_bounded().split()
    document.close()
    return image, [word for word in words if sum(map(str.isdigit, word)) >= 2]


def on_paper(page: Image.Image, noise: float) -> Image.Image:
    """A page on light grey paper, with noise of so many grey levels."""
    pixels = np.asarray(page, np.float32) * 0.9 + 12
    pixels += np.random.default_rng(7).normal(0, noise, pixels.shape)
    made = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    made.info["dpi"] = (DPI, DPI)
    return made


@pytest.mark.parametrize("noise", [2, 9])
def test_figures_on_noisy_paper_are_read(
    noise: float, as_file: Callable[..., Path], read_file: ReadFile
) -> None:
    page, figures = typed_page()
    read = read_file(as_file(on_paper(page, noise), "page.png"), "image", config=OcrConfig())
    missed = Counter(figures) - Counter(read.words())
    assert missed.total() <= 1, f"of {len(figures)} figures not read: {missed}"


def test_a_page_without_noise_stays_as_it_is() -> None:
    page, _ = typed_page()
    clean = np.asarray(page)
    assert noise_of(clean) == 0
    assert smoothed(clean, DPI) is clean
    noisy = np.asarray(on_paper(page, 4))
    assert noise_of(noisy) == pytest.approx(4, rel=0.1)
    assert smoothed(noisy, 150) is noisy, "its letters are too small"


def test_what_was_read_again_stays_when_looking_for_faint_letters_takes_too_long(
    draw_page: DrawPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was thrown away with the rows of letters that are too faint for ink, which noise makes."""
    gray = np.asarray(draw_page())
    raster = Raster(gray, 150, gray.shape[1] * 72 / 150, gray.shape[0] * 72 / 150)
    real = tesseract.recognize

    def misread(*args: object, block: bool = False, **more: object) -> object:
        words = real(*args, block=block, **more)  # type: ignore[arg-type]
        if block:
            return words
        return [
            word._replace(text="Tuesdav", confidence=0.4) if word.text == "Tuesday" else word
            for word in words
        ]

    def too_long(*_: object) -> object:
        raise TimeoutError

    monkeypatch.setattr(tesseract, "recognize", misread)
    monkeypatch.setattr(recognition, "find_faint_rows", lambda *_: [(0, 0, 50, 20)])
    monkeypatch.setattr(recognition, "read_faint_rows", too_long)
    seen = recognition.recognize_page(raster, OcrConfig(dpi=150))
    read = [word.text for line in seen.lines for word in line.words]
    assert "Tuesday" in read and "Tuesdav" not in read
