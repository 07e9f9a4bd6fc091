"""The three stages together: a window of parts is under way, and the document comes out whole."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections import deque
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from reportlab.pdfgen import canvas

from lineal.stages import Reject
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
from lineal_schemas.results import TextResult
from tests.consumers.context import MemoryContext, event_of, handled
from tests.consumers.ocr.conftest import DrawPage


def text_pdf(pages: int) -> bytes:
    out = io.BytesIO()
    made = canvas.Canvas(out)
    for number in range(1, pages + 1):
        made.drawString(72, 700, f"This is page {number}")
        made.showPage()
    made.save()
    return out.getvalue()


def classified(
    ctx: MemoryContext, data: bytes, kind: Any, plan: list[PageRange], media: str
) -> DocumentClassified:
    return DocumentClassified(
        document_id="doc-1",
        name="a file",
        content=ctx.objects.add(data, media),
        kind=kind,
        pages=plan[-1].last,
        plan=tuple(plan),
    )


async def read_document(
    ctx: MemoryContext, document: DocumentClassified, window: int = 8
) -> tuple[list[Any], int]:
    """Everything the gather stage makes, and the most parts that waited at a time."""
    config, ctx.config = ctx.config, ScatterConfig(window=window)
    waiting: deque[DocumentPartRequested] = deque(
        await handled(scatter, event_of(document, "whole-1"), ctx)
    )
    ctx.config = config
    done: dict[int, DocumentPartExtracted] = {}
    most = 0
    while waiting:
        most = max(most, len(waiting))
        request = waiting.popleft()
        assert request.whole == "whole-1"
        for made in await handled(recognize, event_of(request), ctx):
            if isinstance(made, DocumentPartExtracted):
                assert made.index not in done
                done[made.index] = made
            else:
                assert isinstance(made, DocumentPartRequested)
                waiting.append(made)
    assert sorted(done) == list(range(len(document.plan)))
    ctx.config = GatherConfig()
    parts = [event_of(done[index]) for index in sorted(done)]
    return await handled(assemble, parts, ctx), most


def single_pages(count: int) -> list[PageRange]:
    return [PageRange(first=n, last=n, method="text-layer") for n in range(1, count + 1)]


async def test_a_long_document_has_only_a_window_of_parts_under_way(tmp_path: Path) -> None:
    ctx = MemoryContext(tmp_path, OcrConfig())
    document = classified(ctx, text_pdf(20), "pdf", single_pages(20), "application/pdf")
    outputs, most = await read_document(ctx, document, window=3)
    assert most == 3
    (extracted,) = outputs
    assert isinstance(extracted, DocumentTextExtracted)
    assert extracted.pages == 20
    text = ctx.objects.stored[extracted.text.sha256].decode()
    assert text.split("\f") == [f"This is page {number}" for number in range(1, 21)]
    result = TextResult.from_gzip(ctx.objects.stored[extracted.result.sha256])
    assert result.text == text
    assert [page.number for page in result.pages] == list(range(1, 21))
    assert extracted.pdf == document.content
    assert extracted.csv is None


async def test_pages_with_and_without_text_layer_join_to_one_document(
    tmp_path: Path, draw_page: DrawPage
) -> None:
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
    ctx = MemoryContext(tmp_path, OcrConfig(dpi=150))
    document = classified(ctx, mixed.getvalue(), "pdf", plan, "application/pdf")
    (extracted,), _ = await read_document(ctx, document)
    pages = ctx.objects.stored[extracted.text.sha256].decode().split("\f")
    assert pages == ["This is page 1", "Scanned number two", "This is page 2", "This is page 3"]
    result = TextResult.from_gzip(ctx.objects.stored[extracted.result.sha256])
    assert [engine.name for engine in result.engines] == ["pdfium", "tesseract"]
    assert extracted.pdf != document.content


async def test_a_doubtful_page_asks_for_review(tmp_path: Path, draw_page: DrawPage) -> None:
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(5).integers(0, 2, (75, 60), dtype=np.uint8) * 255
    image = io.BytesIO()
    Image.fromarray(noise).resize((600, 750), Image.Resampling.NEAREST).save(image, format="PNG")
    ctx = MemoryContext(tmp_path, OcrConfig())
    plan = [PageRange(first=1, last=1, method="ocr")]
    document = classified(ctx, image.getvalue(), "image", plan, "image/png")
    (extracted, review), _ = await read_document(ctx, document)
    assert isinstance(review, DocumentReviewRequested)
    assert review.result == extracted.result
    assert review.doubts[0].page == 1
    assert review.doubts[0].reasons


async def test_a_file_without_pages_gives_text_and_no_pdf(tmp_path: Path) -> None:
    ctx = MemoryContext(tmp_path, OcrConfig())
    plan = [PageRange(first=1, last=1, method="parse")]
    document = classified(ctx, "Grüße\n".encode(), "text", plan, "text/plain")
    (extracted,), _ = await read_document(ctx, document)
    assert ctx.objects.stored[extracted.text.sha256].decode().strip() == "Grüße"
    assert extracted.pdf is None


@pytest.mark.parametrize(
    ("data", "kind", "method"),
    [
        (b"%PDF-1.4\nnothing", "pdf", "ocr"),
        (b"%PDF-1.4\nnothing", "pdf", "text-layer"),
        (b"\x89PNG\r\n\x1a\nbroken", "image", "ocr"),
    ],
)
async def test_what_cannot_be_read_is_rejected_with_a_reason(
    data: bytes, kind: Any, method: Any, tmp_path: Path
) -> None:
    ctx = MemoryContext(tmp_path, OcrConfig())
    document = classified(ctx, data, kind, [PageRange(first=1, last=1, method=method)], "x/y")
    with pytest.raises(Reject, match="cannot be"):
        await read_document(ctx, document)


async def test_a_truncated_image_is_rejected(tmp_path: Path, draw_page: DrawPage) -> None:
    image = io.BytesIO()
    draw_page().save(image, format="PNG")
    ctx = MemoryContext(tmp_path, OcrConfig())
    plan = [PageRange(first=1, last=1, method="ocr")]
    data = image.getvalue()[: len(image.getvalue()) // 2]
    with pytest.raises(Reject, match="decoded"):
        await read_document(ctx, classified(ctx, data, "image", plan, "image/png"))


async def test_an_image_over_the_pixel_limit_is_rejected(
    tmp_path: Path, draw_page: DrawPage
) -> None:
    image = io.BytesIO()
    draw_page(size=(1200, 1000)).save(image, format="PNG")
    ctx = MemoryContext(tmp_path, OcrConfig(max_image_pixels=1_000_000))
    plan = [PageRange(first=1, last=1, method="ocr")]
    with pytest.raises(Reject, match="pixels"):
        await read_document(ctx, classified(ctx, image.getvalue(), "image", plan, "image/png"))


async def test_the_plan_is_stored_as_json(tmp_path: Path) -> None:
    ctx = MemoryContext(tmp_path, ScatterConfig())
    document = classified(ctx, b"x", "pdf", single_pages(2), "application/pdf")
    first, second = await handled(scatter, event_of(document), ctx)
    assert first.plan == second.plan
    stored = json.loads(ctx.objects.stored[first.plan.sha256])
    assert [part["first"] for part in stored["parts"]] == [1, 2]


async def test_parts_are_gzipped_results(tmp_path: Path) -> None:
    ctx = MemoryContext(tmp_path, ScatterConfig())
    document = classified(ctx, text_pdf(1), "pdf", single_pages(1), "application/pdf")
    (request,) = await handled(scatter, event_of(document), ctx)
    ctx.config = OcrConfig()
    (made,) = await handled(recognize, event_of(request), ctx)
    stored = json.loads(gzip.decompress(ctx.objects.stored[made.result.sha256]))
    assert stored["text"] == "This is page 1"


def test_importing_the_stages_loads_no_engine() -> None:
    script = (
        "import sys, lineal_consumers.ocr.stage\n"
        "heavy = {'numpy', 'cv2', 'PIL', 'pypdfium2', 'tesserocr', 'pikepdf', 'fontTools'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
