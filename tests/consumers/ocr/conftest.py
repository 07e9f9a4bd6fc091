"""Page images and PDFs that the tests make themselves, and a short way to have them read."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import inspect_file
from lineal_consumers.ocr.assembling import Assembled, assemble_parts
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.reading import read_part
from lineal_schemas.documents import DocumentKind, PageDoubt, PageMethod, PageRange
from lineal_schemas.results import Page, TextResult

PROSE = (
    "The committee met on Tuesday to discuss",
    "the annual report and agreed that the",
    "figures for the second quarter should be",
    "published together with an explanation.",
    "Several members asked for a longer text",
    "about the methods that had been used.",
)

DrawPage = Callable[..., Image.Image]
ReadFile = Callable[..., "Read"]
ReadPdf = Callable[[bytes], tuple[TextResult, tuple[PageDoubt, ...]]]


class Read:
    """What reading a whole file gave."""

    def __init__(self, path: Path, assembled: Assembled) -> None:
        self.path = path
        self.assembled = assembled
        self.result = TextResult.from_gzip(assembled.result)

    @property
    def text(self) -> str:
        return self.result.text

    @property
    def page(self) -> Page:
        return self.result.pages[0]

    def words(self, page: Page | None = None) -> list[str]:
        page = page or self.page
        return [self.text[word.begin : word.end] for word in page.words]

    def box_of(self, spoken: str) -> tuple[float, float]:
        """The middle of a word, in fractions of the page."""
        found = [w for w in self.page.words if self.text[w.begin : w.end] == spoken]
        assert len(found) == 1, f"{spoken!r} was read {len(found)} times"
        return found[0].left + found[0].width / 2, found[0].top + found[0].height / 2


@pytest.fixture
def draw_page() -> DrawPage:
    """Draws lines of text as a gray page at 150 dpi."""

    def draw(
        lines: Sequence[str] = PROSE, size: tuple[int, int] = (900, 700), font_size: int = 32
    ) -> Image.Image:
        page = Image.new("L", size, 255)
        pen = ImageDraw.Draw(page)
        font = ImageFont.load_default(size=font_size)
        for number, line in enumerate(lines):
            pen.text((80, 60 + number * 2 * (font_size - 2)), line, fill=0, font=font)
        page.info["dpi"] = (150, 150)
        return page

    return draw


@pytest.fixture
def as_file(tmp_path: Path) -> Callable[..., Path]:
    """Saves an image, or PDF bytes, under a name whose ending says the format."""

    def save(content: Image.Image | bytes, name: str, **options: Any) -> Path:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.save(path, dpi=content.info.get("dpi", (150, 150)), **options)
        return path

    return save


@pytest.fixture
def scan_pdf() -> Callable[..., bytes]:
    """A PDF of one page that shows an image and nothing else."""

    def make(image: Image.Image, dpi: int = 150) -> bytes:
        out = io.BytesIO()
        image.save(out, format="PDF", resolution=dpi)
        return out.getvalue()

    return make


@pytest.fixture
def read_file(tmp_path: Path) -> ReadFile:
    """Reads all pages of a file, one part each, and joins them."""

    def read(
        path: Path,
        kind: DocumentKind = "pdf",
        method: PageMethod = "ocr",
        pages: int = 1,
        config: OcrConfig | None = None,
    ) -> Read:
        config = config or OcrConfig(dpi=150)
        parts = []
        for number in range(1, pages + 1):
            pages_of_part = PageRange(first=number, last=number, method=method)
            parts.append(read_part(str(path), kind, pages_of_part, config))
        return Read(path, assemble_parts(str(path), kind, parts))

    return read


@pytest.fixture
def read_pdf(tmp_path: Path) -> ReadPdf:
    """Looks at a PDF as ``classify`` does, and reads it as that plans."""

    def read(data: bytes) -> tuple[TextResult, tuple[PageDoubt, ...]]:
        path = tmp_path / "a.pdf"
        path.write_bytes(data)
        plan = inspect_file(path, "a.pdf", ClassifyConfig()).plan
        parts = [read_part(str(path), "pdf", part, OcrConfig()) for part in plan]
        made = assemble_parts(str(path), "pdf", parts)
        return TextResult.from_gzip(made.result), made.doubts

    return read
