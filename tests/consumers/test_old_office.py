"""DOC, XLS and PPT are read by a real LibreOffice, in the sandbox of a worker process."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import docx
import openpyxl
import pytest

from lineal.stages import Reject
from lineal.workers.pool import WorkerPool
from lineal_catalog.file_formats.office_program import find_office_program
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.office_kit import find_library
from lineal_consumers.ocr.reading import read_part
from lineal_consumers.ocr.stage import recognize
from lineal_schemas.documents import DocumentKind, PageRange
from lineal_schemas.results import TextResult
from tests.consumers.ocr.parsers.packages import A, P, package, relations

PROGRAM = find_office_program()
LIBRARY = find_library(PROGRAM) if PROGRAM else None
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="LibreOffice is not installed here")
SECONDS = 180
SERIAL = "Walnut 48213-77"


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[WorkerPool]:
    assert recognize.reads is not None
    pool = WorkerPool(1, seconds=SECONDS, sandbox=True)
    pool.allow_reading([*recognize.reads(OcrConfig()), tmp_path])
    pool.start()
    yield pool
    await pool.close()


def letter() -> bytes:
    document = docx.Document()
    document.add_paragraph(f"{SERIAL} Straße 請求")
    document.sections[0].header.paragraphs[0].text = "Head of the letter"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def prices() -> bytes:
    book = openpyxl.Workbook()
    book.create_sheet("First").append([SERIAL, 614.95])
    book.create_sheet("Second").append(["Straße 請求", "=1+2"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def slides() -> bytes:
    names = f'xmlns:p="{P}" xmlns:a="{A}"'
    text = f"<a:p><a:r><a:t>{SERIAL} Straße 請求</a:t></a:r></a:p>"
    place = '<a:xfrm><a:off x="9" y="9"/><a:ext cx="5000000" cy="900000"/></a:xfrm>'
    shape = (
        '<p:sp><p:nvSpPr><p:cNvPr id="2" name="x"/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr>'
        f'<p:spPr>{place}<a:prstGeom prst="rect"/></p:spPr>'
        f"<p:txBody><a:bodyPr/>{text}</p:txBody></p:sp>"
    )
    group = (
        '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
    )
    tree = f"<p:cSld><p:spTree>{group}{shape}</p:spTree></p:cSld>"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    shown = f'<p:sldIdLst><p:sldId id="256" xmlns:r="{office}" r:id="slide_1"/></p:sldIdLst>'
    size = '<p:sldSz cx="9144000" cy="6858000"/>'
    kinds = "application/vnd.openxmlformats-officedocument.presentationml"
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/ppt/presentation.xml" ContentType="{kinds}.presentation.main+xml"/>'
        f'<Override PartName="/ppt/slide.xml" ContentType="{kinds}.slide+xml"/></Types>'
    )
    return package(
        "ppt/presentation.xml",
        {
            "[Content_Types].xml": types,
            "ppt/presentation.xml": f"<p:presentation {names}>{shown}{size}</p:presentation>",
            "ppt/_rels/presentation.xml.rels": relations(slide_1="slide.xml"),
            "ppt/slide.xml": f"<p:sld {names}>{tree}</p:sld>",
        },
    )


def made(tmp_path: Path, content: bytes, today: str, old: str) -> Path:
    """A file in an old format, which LibreOffice makes of one of today."""
    source, target = tmp_path / f"source.{today}", tmp_path / f"file.{old}"
    source.write_bytes(content)
    arguments = [str(LIBRARY), str(tmp_path / "profile"), str(source), str(target), old]
    subprocess.run(
        [sys.executable, "-m", "lineal_consumers.ocr.office_kit", *arguments],
        check=True, timeout=SECONDS, env={"HOME": str(tmp_path), "SAL_USE_VCLPLUGIN": "svp"},
    )  # fmt: skip
    return target


async def text_of(path: Path, kind: DocumentKind, workers: WorkerPool) -> str:
    pages = PageRange(first=1, last=1, method="parse")
    read = await workers.run(read_part, str(path), kind, pages, OcrConfig())
    return TextResult.model_validate_json(gzip.decompress(read)).text


@pytest.mark.parametrize(
    ("content", "today", "old", "kind", "more"),
    [
        (letter, "docx", "doc", "word", "Head of the letter"),
        (prices, "xlsx", "xls", "sheet", "614.95"),
        (slides, "pptx", "ppt", "word", SERIAL),
    ],
)
async def test_an_old_file_is_read_in_the_sandbox(
    content, today, old, kind, more, tmp_path, workers
):
    path = made(tmp_path, content(), today, old)
    text = await text_of(path, kind, workers)
    assert SERIAL in text and "Straße 請求" in text and more in text


async def test_a_file_that_libreoffice_cannot_read_is_rejected(tmp_path, workers):
    path = made(tmp_path, letter(), "docx", "doc")
    path.write_bytes(path.read_bytes()[:1024] + bytes(4096))
    with pytest.raises(Reject, match="LibreOffice cannot read it"):
        await text_of(path, "word", workers)
