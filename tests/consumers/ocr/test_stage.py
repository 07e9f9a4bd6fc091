"""The three stages together: a window of parts is under way, and the document comes out whole."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from subprocess import run
from typing import Any

import pytest
from reportlab.pdfgen import canvas

from lineal.testing import StageHarness
from lineal_consumers.ocr.config import GatherConfig, OcrConfig, ScatterConfig
from lineal_consumers.ocr.stage import assemble, recognize, scatter
from lineal_schemas.documents import (
    DocumentClassified,
    DocumentPartExtracted,
    DocumentPartRequested,
    DocumentReviewRequested,
    DocumentTextExtracted,
    PageRange,
)
from lineal_schemas.payload import Payload
from lineal_schemas.results import TextResult
from tests.consumers.ocr.conftest import DrawPage


def text_pdf(pages: int) -> bytes:
    out = io.BytesIO()
    made = canvas.Canvas(out)
    for number in range(1, pages + 1):
        made.drawString(72, 700, f"This is page {number}")
        made.showPage()
    made.save()
    return out.getvalue()


@asynccontextmanager
async def reader(*, window: int = 8, **config: Any) -> AsyncIterator[StageHarness]:
    """The three stages, which feed each other."""
    configs = [ScatterConfig(window=window), OcrConfig(**config), GatherConfig()]
    async with StageHarness(scatter, recognize, assemble, config=configs) as harness:
        yield harness


async def read_document(
    harness: StageHarness, data: bytes, kind: Any, plan: list[PageRange], media: str
) -> DocumentClassified:
    """Have a document read; it may be rejected."""
    document = DocumentClassified(
        document_id="doc-1",
        name="a file",
        content=await harness.put(data, media),
        kind=kind,
        pages=plan[-1].last,
        plan=tuple(plan),
    )
    await harness.send(document, id="whole-1")
    return document


async def text_of(harness: StageHarness, extracted: DocumentTextExtracted) -> str:
    return (await harness.get(extracted.text)).decode()


def single_pages(count: int) -> list[PageRange]:
    return [PageRange(first=n, last=n, method="text-layer") for n in range(1, count + 1)]


async def test_a_long_document_has_only_a_window_of_parts_under_way() -> None:
    async with reader(window=3) as harness:
        document = await read_document(
            harness, text_pdf(20), "pdf", single_pages(20), "application/pdf"
        )
        [extracted] = harness.outputs(DocumentTextExtracted)
        text = await text_of(harness, extracted)
        result = TextResult.from_gzip(await harness.get(extracted.result))
        under_way, most = 0, 0
        for item in harness.outputs(Payload):
            under_way += isinstance(item, DocumentPartRequested)
            under_way -= isinstance(item, DocumentPartExtracted)
            most = max(most, under_way)
        requested = harness.outputs(DocumentPartRequested)
    assert (most, under_way) == (3, 0)
    assert sorted(item.index for item in requested) == list(range(20))
    assert len({item.group_id for item in requested}) == 1
    assert extracted.pages == 20
    assert text.split("\f") == [f"This is page {number}" for number in range(1, 21)]
    assert result.text == text
    assert [page.number for page in result.pages] == list(range(1, 21))
    assert extracted.pdf == document.content
    assert extracted.csv is None


async def test_pages_with_and_without_text_layer_join_to_one_document(draw_page: DrawPage) -> None:
    import pikepdf

    scan = io.BytesIO()
    draw_page(["Scanned number two"]).save(scan, format="PDF", resolution=150)
    with pikepdf.open(io.BytesIO(text_pdf(3))) as pdf, pikepdf.open(scan) as other:
        pdf.pages.insert(1, other.pages[0])
        mixed = io.BytesIO()
        pdf.save(mixed)
    plan = [
        PageRange(first=1, last=1, method="text-layer"),
        PageRange(first=2, last=2, method="ocr"),
        PageRange(first=3, last=4, method="text-layer"),
    ]
    async with reader(dpi=150) as harness:
        document = await read_document(harness, mixed.getvalue(), "pdf", plan, "application/pdf")
        [extracted] = harness.outputs(DocumentTextExtracted)
        pages = (await text_of(harness, extracted)).split("\f")
        result = TextResult.from_gzip(await harness.get(extracted.result))
    assert pages == ["This is page 1", "Scanned number two", "This is page 2", "This is page 3"]
    assert [engine.name for engine in result.engines] == ["pdfium", "tesseract"]
    assert extracted.pdf != document.content


async def test_a_doubtful_page_asks_for_review() -> None:
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(5).integers(0, 2, (75, 60), dtype=np.uint8) * 255
    image = io.BytesIO()
    Image.fromarray(noise).resize((600, 750), Image.Resampling.NEAREST).save(image, format="PNG")
    plan = [PageRange(first=1, last=1, method="ocr")]
    async with reader() as harness:
        await read_document(harness, image.getvalue(), "image", plan, "image/png")
        [extracted] = harness.outputs(DocumentTextExtracted)
        [review] = harness.outputs(DocumentReviewRequested)
    assert review.result == extracted.result
    assert review.doubts[0].page == 1
    assert review.doubts[0].reasons


async def test_a_file_without_pages_gives_text_and_no_pdf() -> None:
    plan = [PageRange(first=1, last=1, method="parse")]
    async with reader() as harness:
        await read_document(harness, "Grüße\n".encode(), "text", plan, "text/plain")
        [extracted] = harness.outputs(DocumentTextExtracted)
        assert (await text_of(harness, extracted)).strip() == "Grüße"
    assert extracted.pdf is None


async def rejected(data: bytes, kind: Any, method: Any, media: str, **config: Any) -> str:
    """Why a file is rejected."""
    async with reader(**config) as harness:
        plan = [PageRange(first=1, last=1, method=method)]
        await read_document(harness, data, kind, plan, media)
        assert harness.outputs(DocumentTextExtracted) == []
        [letter] = harness.dead_letters
    assert (letter.error_class, letter.attempts) == ("Reject", 1)
    return letter.message


@pytest.mark.parametrize(
    ("data", "kind", "method"),
    [
        (b"%PDF-1.4\nnothing", "pdf", "ocr"),
        (b"%PDF-1.4\nnothing", "pdf", "text-layer"),
        (b"\x89PNG\r\n\x1a\nbroken", "image", "ocr"),
    ],
)
async def test_what_cannot_be_read_is_rejected_with_a_reason(
    data: bytes, kind: Any, method: Any
) -> None:
    assert "cannot be" in await rejected(data, kind, method, "x/y")


async def test_a_truncated_image_is_rejected(draw_page: DrawPage) -> None:
    image = io.BytesIO()
    draw_page().save(image, format="PNG")
    data = image.getvalue()[: len(image.getvalue()) // 2]
    assert "decoded" in await rejected(data, "image", "ocr", "image/png")


async def test_an_image_over_the_pixel_limit_is_rejected(draw_page: DrawPage) -> None:
    image = io.BytesIO()
    draw_page(size=(1200, 1000)).save(image, format="PNG")
    reason = await rejected(
        image.getvalue(), "image", "ocr", "image/png", max_image_pixels=1_000_000
    )
    assert "pixels" in reason


async def test_the_plan_is_stored_as_json() -> None:
    async with StageHarness(scatter) as harness:
        await read_document(harness, b"x", "pdf", single_pages(2), "application/pdf")
        first, second = harness.outputs(DocumentPartRequested)
        stored = json.loads(await harness.get(first.plan))
    assert first.plan == second.plan
    assert [part["first"] for part in stored["parts"]] == [1, 2]


async def test_parts_are_gzipped_results() -> None:
    async with StageHarness(scatter, recognize) as harness:
        await read_document(harness, text_pdf(1), "pdf", single_pages(1), "application/pdf")
        [made] = harness.outputs(DocumentPartExtracted)
        stored = json.loads(gzip.decompress(await harness.get(made.result)))
    assert stored["text"] == "This is page 1"


async def test_the_same_reading_is_the_same_group_whatever_event_asks_for_it() -> None:
    """So what was read of it once is remembered; another plan is another group."""
    async with StageHarness(scatter) as harness:
        document = await read_document(harness, b"x", "pdf", single_pages(1), "x/y")
        await harness.send(document, id="again")
        wholes = {item.group_id for item in harness.outputs(DocumentPartRequested)}
        assert len(wholes) == 1
        assert [record.outcome for record in harness.records] == ["done", "memoised"]
        await harness.send(document.model_copy(update={"plan": tuple(single_pages(2))}))
        assert len({item.group_id for item in harness.outputs(DocumentPartRequested)}) == 2


def test_importing_the_stages_loads_no_engine() -> None:
    script = (
        "import sys, lineal_consumers.ocr.stage\n"
        "heavy = {'numpy', 'cv2', 'PIL', 'pypdfium2', 'tesserocr', 'pikepdf', 'fontTools'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
