"""Files that lie in a PDF become documents of their own, or say why they cannot."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pikepdf
import pytest

from lineal.testing import StageHarness
from lineal_consumers.ocr.attachments.attached_file import file_name
from lineal_consumers.ocr.attachments.config import AttachmentsConfig
from lineal_consumers.ocr.attachments.stage import attachments
from lineal_schemas.documents import DocumentArrived, DocumentClassified, PageRange


def embedded(pdf: pikepdf.Pdf, name: str, data: bytes) -> pikepdf.AttachedFileSpec:
    return pikepdf.AttachedFileSpec(
        pdf, data, filename=name, description="", mime_type="text/plain", creation_date="",
        mod_date="",
    )  # fmt: skip


def portfolio(files: Mapping[str, bytes], **save: Any) -> bytes:
    """A PDF of one page that holds these files."""
    pdf = pikepdf.new()
    pdf.add_blank_page()
    for name, data in files.items():
        pdf.attachments[name] = embedded(pdf, name, data)
    out = io.BytesIO()
    pdf.save(out, **save)
    return out.getvalue()


async def arrivals(
    data: bytes, config: AttachmentsConfig | None = None, depth: int = 0
) -> list[tuple[DocumentArrived, bytes | None]]:
    """What arrives out of a PDF, each with its bytes."""
    async with StageHarness(attachments, config=config or AttachmentsConfig()) as harness:
        content = await harness.put(data)
        await harness.send(
            DocumentClassified(
                document_id="parent", name="a.pdf", content=content, kind="pdf", pages=1,
                plan=(PageRange(first=1, last=1, method="text-layer"),), tenant="ours",
                depth=depth,
            )
        )  # fmt: skip
        assert not harness.dead_letters
        made = harness.outputs(DocumentArrived)
        return [
            (item, None if item.content is None else await harness.get(item.content))
            for item in made
        ]


async def test_each_attachment_arrives_with_its_bytes_and_its_parent():
    found = await arrivals(portfolio({"a.txt": b"first", "b.csv": b"1;2"}))
    assert [(item.name, data) for item, data in found] == [("a.txt", b"first"), ("b.csv", b"1;2")]
    for item, _ in found:
        assert (item.parent, item.tenant, item.depth) == ("parent", "ours", 1)
        assert item.problem is None


async def test_files_that_belong_to_a_document_or_a_page_need_not_be_listed():
    with pikepdf.open(io.BytesIO(portfolio({}))) as pdf:
        pdf.Root.AF = pikepdf.Array([embedded(pdf, "invoice.xml", b"<invoice/>").obj])
        pdf.pages[0].obj.AF = pikepdf.Array([embedded(pdf, "figures.csv", b"1;2").obj])
        out = io.BytesIO()
        pdf.save(out)
    found = await arrivals(out.getvalue())
    assert [item.name for item, _ in found] == ["invoice.xml", "figures.csv"]


async def test_a_file_of_an_annotation_arrives_and_one_named_twice_arrives_once():
    with pikepdf.open(io.BytesIO(portfolio({"a.txt": b"first"}))) as pdf:
        other = embedded(pdf, "pin.txt", b"pinned")
        listed = pdf.Root.Names.EmbeddedFiles.Names[1]
        pdf.pages[0].obj.Annots = pikepdf.Array(
            [
                pikepdf.Dictionary(
                    Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.FileAttachment,
                    Rect=[0, 0, 9, 9], FS=specification,
                )
                for specification in (other.obj, listed)
            ]
        )  # fmt: skip
        out = io.BytesIO()
        pdf.save(out)
    found = await arrivals(out.getvalue())
    assert sorted((item.name, data) for item, data in found) == [
        ("a.txt", b"first"),
        ("pin.txt", b"pinned"),
    ]


async def test_what_is_larger_than_allowed_arrives_with_the_limit_as_its_problem():
    found = await arrivals(
        portfolio({"bomb.txt": b"0" * 5_000_000, "c.txt": b"fine"}, compress_streams=True),
        AttachmentsConfig(file_bytes=1_000_000),
    )
    [(bomb, nothing), (fine, data)] = found
    assert nothing is None
    assert bomb.problem is not None
    assert "1,000,000 bytes" in bomb.problem
    assert (fine.problem, data) == (None, b"fine")


async def test_more_attachments_than_allowed_are_said_to_be_there():
    files = {f"{number}.txt": b"%d" % number for number in range(4)}
    found = await arrivals(portfolio(files), AttachmentsConfig(files=3))
    assert [item.problem for item, _ in found[:3]] == [None] * 3
    assert [item.problem for item, _ in found[3:]] == ["the document has more than 3 attachments"]


async def test_attachments_of_attachments_end_at_the_depth_that_is_set():
    [(found, _)] = await arrivals(portfolio({"a.txt": b"x"}), AttachmentsConfig(depth=2), depth=2)
    assert found.problem == "the attachment lies in more than 2 documents"


async def test_a_pdf_without_attachments_has_none():
    assert await arrivals(portfolio({})) == []


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\mail\\letter.docx", "letter.docx"),
        ("a\x00b\u202egnp.exe", "abgnp.exe"),
        ("", "attachment 7"),
        ("...", "attachment 7"),
    ],
)
def test_names_hold_no_folders_and_no_control_characters(stated: str, shown: str):
    assert file_name(stated, 7) == shown
