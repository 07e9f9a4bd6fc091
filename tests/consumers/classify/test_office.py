"""Office files: told apart by what is in the archive, and unpacked only within bounds."""

from __future__ import annotations

import io
import zipfile
from shutil import which

import docx
import openpyxl
import pytest

from lineal.stages import Reject
from tests.consumers.compound_file import compound_file

MEBIBYTE = 1024 * 1024


@pytest.fixture
def docx_bytes() -> bytes:
    document = docx.Document()
    document.add_paragraph("Dear Sir or Madam")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _workbook(*titles: str) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for title in titles:
        workbook.create_sheet(title).append(["a", 1])
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def _archive(members: dict[str, bytes], data: bytes = b"") -> bytes:
    """A ZIP of the members, added to those of another one."""
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_a_docx_is_a_word_document_whatever_its_name(inspect, docx_bytes):
    found = inspect(docx_bytes, "report.pdf")
    assert found.kind == "word"
    assert found.media_type.endswith("wordprocessingml.document")
    assert [part.method for part in found.plan] == ["parse"]


def test_every_sheet_of_a_workbook_is_a_page(inspect):
    found = inspect(_workbook("Jan", "Feb", "Mar"), "numbers")
    assert (found.kind, found.pages) == ("sheet", 3)
    assert [(part.first, part.last, part.method) for part in found.plan] == [(1, 3, "parse")]


def test_open_document_texts_and_spreadsheets_are_read(inspect):
    names = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<o:document-content xmlns:o="{names}:office:1.0" xmlns:t="{names}:table:1.0"><o:body>'
        "<o:spreadsheet><t:table/><t:table><t:table-row/></t:table></o:spreadsheet>"
        "</o:body></o:document-content>"
    ).encode()
    for kind, pages in (("text", 1), ("spreadsheet", 2)):
        members = {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}".encode(),
            "content.xml": content,
            "META-INF/manifest.xml": b"<manifest/>",
        }
        assert inspect(_archive(members)).pages == pages


def test_a_bomb_in_a_docx_is_rejected(inspect, docx_bytes):
    bomb = _archive({"word/extra": b"<a>" + bytes(64 * MEBIBYTE)}, docx_bytes)
    with pytest.raises(Reject, match="bomb"):
        inspect(bomb, "letter.docx")


def test_a_picture_that_packs_well_is_no_bomb(inspect, docx_bytes):
    """A white bitmap packs a thousandfold; it is read, if at all, within its own limits."""
    data = _archive({"word/media/image1.bmp": b"BM" + bytes(64 * MEBIBYTE)}, docx_bytes)
    assert inspect(data).kind == "word"


def test_a_bomb_of_many_files_is_rejected(inspect, docx_bytes):
    members = {f"word/{number}.bin": b"<a>" + bytes(12 * MEBIBYTE) for number in range(10)}
    with pytest.raises(Reject, match="more than 100 MiB"):
        inspect(_archive(members, docx_bytes), archive_bytes=100 * MEBIBYTE)


def test_a_bomb_that_lies_about_its_size_is_rejected(inspect, docx_bytes):
    data = _archive({"word/extra.bin": b"<a>".ljust(64 * MEBIBYTE, b" ")}, docx_bytes)
    lying = data.replace((64 * MEBIBYTE).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lying != data
    with pytest.raises(Reject):
        inspect(lying)


def test_too_much_markup_is_rejected(inspect, docx_bytes):
    data = _archive({"word/extra.xml": b"<a/>" * 1000}, docx_bytes)
    with pytest.raises(Reject, match="markup"):
        inspect(data, markup_bytes=3000)


def test_entities_in_markup_are_rejected(inspect, docx_bytes):
    members = {"word/extra.xml": b'<!DOCTYPE a [<!ENTITY x "xx">]><a>&x;</a>'}
    with pytest.raises(Reject, match="entities"):
        inspect(_archive(members, docx_bytes))


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.99])
def test_a_cut_off_docx_is_rejected(inspect, docx_bytes, keep):
    with pytest.raises(Reject, match="cut off"):
        inspect(docx_bytes[: int(len(docx_bytes) * keep)])


def test_a_docx_with_a_damaged_part_is_rejected(inspect, docx_bytes):
    start = docx_bytes.index(b"word/document.xml") + 60
    damaged = docx_bytes[:start] + bytes(30) + docx_bytes[start + 30 :]
    with pytest.raises(Reject, match="damaged"):
        inspect(damaged)


def test_a_docx_that_has_lost_a_byte_at_its_start_is_rejected(inspect, docx_bytes):
    """Its directory then says that the first entry begins before the file does."""
    with pytest.raises(Reject, match="damaged"):
        inspect(docx_bytes[:20] + docx_bytes[21:])


def test_a_plain_archive_is_rejected(inspect):
    with pytest.raises(Reject, match="ZIP archives are not read"):
        inspect(_archive({"letter.txt": b"hello"}), "letter.docx")


def test_every_slide_of_a_presentation_is_a_page(inspect):
    types = b'<Types><Override ContentType="x.presentationml.presentation.main+xml"/></Types>'
    slides = b"<p><sldIdLst><sldId/><sldId/></sldIdLst></p>"
    members = {"[Content_Types].xml": types, "ppt/presentation.xml": slides}
    found = inspect(_archive(members))
    assert (found.kind, found.pages) == ("word", 2)
    assert found.media_type.endswith("presentationml.presentation")


def test_a_workbook_without_its_list_of_types_is_told_by_its_parts(inspect):
    book = b"<workbook><sheets><sheet/></sheets></workbook>"
    assert inspect(_archive({"xl\\Workbook.xml": book})).kind == "sheet"


def test_a_password_protected_document_is_rejected(inspect):
    """Office wraps an encrypted DOCX into an old compound file."""
    with pytest.raises(Reject, match="encrypted"):
        inspect(compound_file({"EncryptionInfo": b"x", "EncryptedPackage": b"x"}), "a.docx")


def test_a_compound_file_that_is_cut_off_is_rejected(inspect):
    with pytest.raises(Reject, match="damaged"):
        inspect(compound_file({"WordDocument": b"x"})[:600], "a.doc")


@pytest.mark.skipif(which("soffice") is not None, reason="LibreOffice reads it here")
@pytest.mark.parametrize("stream", ["WordDocument", "Workbook", "PowerPoint Document"])
def test_an_office_file_from_before_2007_is_rejected_with_what_to_do(inspect, stream):
    with pytest.raises(Reject, match=r"LibreOffice.*save it as DOCX"):
        inspect(compound_file({stream: b"x"}), "a.doc")


def test_a_message_of_outlook_is_a_mail(inspect):
    found = inspect(compound_file({"__properties_version1.0": bytes(32)}), "a.msg")
    assert (found.kind, found.media_type) == ("email", "application/vnd.ms-outlook")
