"""Real scans, where they are there: the files of OCRmyPDF's tests and Amazon's sample form."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pypdfium2 as pdfium
import pytest

from lineal_consumers.ocr import page_raster
from lineal_consumers.ocr.config import OcrConfig
from tests.consumers.ocr.conftest import ReadFile

DATA = Path(__file__).parents[4] / "shared" / "data"
FAST = OcrConfig(dpi=200)


@pytest.fixture
def real_file() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"the shared data has no {name}")
        return path

    return find


def recall(text: str, truth: str) -> float:
    """Share of the distinct words of at least three letters that were read."""
    wanted = set(re.findall(r"\w{3,}", truth.lower()))
    return len(wanted & set(re.findall(r"\w{3,}", text.lower()))) / len(wanted)


@pytest.mark.parametrize(
    "name",
    [
        "skew.pdf",
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in ("linn.png", "ccitt.pdf", "jbig2.pdf")
        ),
    ],
)
def test_a_brochure_is_read_from_every_kind_of_scan(
    name: str, real_file: Callable[[str], Path], read_file: ReadFile
) -> None:
    path = real_file(f"scans/{name}")
    read = read_file(path, "image" if path.suffix == ".png" else "pdf", config=FAST)
    assert recall(read.text, real_file("scans/linn.txt").read_text()) > 0.97
    assert read.page.doubts == ()


@pytest.mark.long
def test_all_four_directions_give_the_same_page(
    real_file: Callable[[str], Path], read_file: ReadFile
) -> None:
    read = read_file(real_file("scans/cardinal.pdf"), pages=4, config=FAST)
    truth = real_file("scans/linn.txt").read_text()
    assert [page.rotation for page in read.result.pages] == [0, 270, 180, 90]
    for page in read.result.pages:
        assert recall(read.text[page.begin : page.end], truth) > 0.97
        assert page.width < page.height
    made = read.assembled.pdf
    assert made is not None
    document = pdfium.PdfDocument(made)
    for index in range(4):
        words = document[index].get_textpage().get_text_range()
        assert recall(words, truth) > 0.9


@pytest.mark.parametrize("name", ["SampleInput.png", "SampleInput.pdf"])
def test_a_form_gives_all_its_pairs(
    name: str, real_file: Callable[[str], Path], read_file: ReadFile
) -> None:
    path = real_file(f"textract_sample/{name}")
    expected = pdfium.PdfDocument(real_file("textract_sample/SampleOutput.pdf"))
    read = read_file(path, "image" if path.suffix == ".png" else "pdf", config=OcrConfig())
    assert recall(read.text, expected[0].get_textpage().get_text_range()) == 1
    assert {pair.key: pair.value for pair in read.page.key_values} == {
        "Full Name": "Jane Doe",
        "Phone Number": "555-0100",
        "Home Address": "123 Any Street, Any Town, USA",
        "Mailing Address": "Same as home address",
        "Current Company": "Any Company (2018-Current)",
        "Company#1": "Previous Company # 1 (2014-2018)",
        "Company#2": "Previous Company #2 (2010-2014)",
    }


def test_one_huge_image_is_read_within_its_limits(
    real_file: Callable[[str], Path], read_file: ReadFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Drawing it takes about as long as a page may: a slow machine would leave it half drawn.
    monkeypatch.setattr(page_raster, "_MAX_SECONDS", 60.0)
    config = OcrConfig(max_pixels=10_000_000)
    read = read_file(real_file("scans/hugemono.pdf"), config=config)
    assert "very big image" in read.text


def test_a_page_without_contents_is_empty(
    real_file: Callable[[str], Path], read_file: ReadFile
) -> None:
    for method in ("text-layer", "ocr"):
        read = read_file(real_file("scans/no_contents.pdf"), "pdf", method)
        assert read.text == ""


def test_the_tables_of_a_digital_document_are_found(
    real_file: Callable[[str], Path], read_file: ReadFile
) -> None:
    read = read_file(real_file("scans/tagged.pdf"), "pdf", "text-layer", pages=2)
    assert [table.rows for table in read.page.tables] == [
        (("Column 1", "Column 2"), ("Cell 1", "Cell 2"), ("Cell 3", "Cell 4"))
    ]
