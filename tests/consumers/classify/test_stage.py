"""The classify stage: a registered document goes in, a plan comes out, nothing heavy is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lineal.stages import Reject
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.stage import classify
from lineal_schemas.documents import DocumentRegistered
from lineal_schemas.payload import payload_bytes
from tests.consumers.context import MemoryContext, event_of, handled


async def _classified(ctx: MemoryContext, data: bytes, name: str):
    content = ctx.objects.add(data)
    event = event_of(DocumentRegistered(document_id="d1", name=name, content=content))
    return content, await handled(classify, event, ctx)


async def test_the_event_names_kind_pages_and_detected_type(tmp_path, pdf_of_pages, show_text):
    ctx = MemoryContext(tmp_path, ClassifyConfig())
    content, (made,) = await _classified(ctx, pdf_of_pages([show_text()]), "letter.txt")
    assert (made.document_id, made.name, made.kind, made.pages) == ("d1", "letter.txt", "pdf", 1)
    assert made.content == content.model_copy(update={"media_type": "application/pdf"})
    assert ctx.attributes == {"kind": "pdf", "media_type": "application/pdf", "pages": 1}


async def test_the_same_document_is_classified_the_same(tmp_path, pdf_of_pages, show_text, scan):
    data = pdf_of_pages([show_text(), scan, b""])
    ctx = MemoryContext(tmp_path, ClassifyConfig())
    _, (first,) = await _classified(ctx, data, "a.pdf")
    _, (second,) = await _classified(ctx, data, "a.pdf")
    assert payload_bytes(first) == payload_bytes(second)


async def test_what_cannot_be_read_is_rejected_and_not_retried(tmp_path):
    with pytest.raises(Reject, match="empty"):
        await _classified(MemoryContext(tmp_path, ClassifyConfig()), b"", "letter.pdf")


async def test_the_limits_can_be_set(tmp_path):
    ctx = MemoryContext(tmp_path, ClassifyConfig(text_bytes=10))
    with pytest.raises(Reject, match="too large"):
        await _classified(ctx, b"more than ten bytes", "letter.txt")


def test_importing_the_stage_loads_no_engine():
    heavy = "numpy PIL pypdfium2 pikepdf magic lxml docx openpyxl"
    code = (
        "import sys, lineal_consumers.classify.stage\n"
        f"loaded = [name for name in '{heavy}'.split() if name in sys.modules]\n"
        "sys.exit(', '.join(loaded) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
