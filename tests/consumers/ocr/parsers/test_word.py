"""DOCX and ODT: everything a reader sees, in its order."""

from __future__ import annotations

import io
import zipfile

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from lineal.stages import Reject


def _saved(document: docx.document.Document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _with_body(xml: str) -> bytes:
    document = docx.Document()
    body = document.element.body
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    wrapper = parse_xml(f"<w:body {nsdecls('w')} {mc}>{xml}</w:body>")
    for index, child in enumerate(list(wrapper)):
        body.insert(index, child)
    return _saved(document)


def test_paragraphs_and_tables_come_in_their_order(parse):
    document = docx.Document()
    document.add_heading("Contract", 1)
    document.add_paragraph("Between A\tand B")
    table = document.add_table(2, 2)
    for index, text in enumerate(["Item", "Price", "Tea", "3"]):
        table.cell(index // 2, index % 2).text = text
    document.add_paragraph("Signed")
    result = parse(_saved(document), "word")
    assert result.text == "Contract\nBetween A\tand B\nItem\tPrice\nTea\t3\nSigned"
    assert result.pages[0].tables[0].rows == (("Item", "Price"), ("Tea", "3"))


def test_merged_cells_keep_the_columns_in_place(parse):
    document = docx.Document()
    table = document.add_table(3, 3)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "wide"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "tall"
    table.cell(0, 2).text, table.cell(2, 2).text = "c", "d"
    rows = parse(_saved(document), "word").pages[0].tables[0].rows
    assert rows == (("wide", "", "c"), ("tall", "", ""), ("", "", "d"))


def test_headers_stand_first_and_footers_last_each_once(parse):
    document = docx.Document()
    document.add_paragraph("body")
    document.sections[0].header.paragraphs[0].text = "ACME Ltd"
    document.sections[0].footer.paragraphs[0].text = "confidential"
    second = document.add_section()
    second.header.is_linked_to_previous = False
    second.header.paragraphs[0].text = "ACME Ltd"
    assert parse(_saved(document), "word").text == "ACME Ltd\nbody\n\nconfidential"


def test_content_controls_are_text_and_key_values(parse):
    data = _with_body(
        '<w:sdt><w:sdtPr><w:alias w:val="Client"/></w:sdtPr><w:sdtContent>'
        "<w:p><w:r><w:t>Ms Miller</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        '<w:p><w:r><w:t xml:space="preserve">Date: </w:t></w:r><w:sdt><w:sdtPr>'
        '<w:tag w:val="date"/></w:sdtPr><w:sdtContent><w:r><w:t>1 May</w:t></w:r></w:sdtContent>'
        "</w:sdt></w:p>"
    )
    result = parse(data, "word")
    assert result.text.splitlines()[:2] == ["Ms Miller", "Date: 1 May"]
    assert [(kv.key, kv.value) for kv in result.pages[0].key_values] == [
        ("Client", "Ms Miller"),
        ("date", "1 May"),
    ]


def test_insertions_under_review_are_text_and_deletions_are_named(parse):
    data = _with_body(
        "<w:p><w:r><w:t>kept</w:t></w:r>"
        '<w:ins w:id="1" w:author="x"><w:r><w:t> added</w:t></w:r></w:ins>'
        '<w:del w:id="2" w:author="x"><w:r><w:delText> gone</w:delText></w:r></w:del></w:p>'
    )
    assert parse(data, "word").text == "kept added\nDeleted by x: gone"


def test_a_text_box_is_read_once(parse):
    box = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
    data = _with_body(
        "<w:p><w:r><w:t>before</w:t></w:r><w:r><mc:AlternateContent>"
        f'<mc:Choice Requires="wps">{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>'
        "</mc:AlternateContent></w:r></w:p>"
    )
    assert parse(data, "word").text == "before\nboxed"


def test_a_document_with_macros_is_read(parse):
    out = io.BytesIO()
    document = docx.Document()
    document.add_paragraph("hello")
    with zipfile.ZipFile(io.BytesIO(_saved(document))) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name).replace(
                b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
                b"application/vnd.ms-word.document.macroEnabled.main+xml",
            )
            new.writestr(name, content)
    assert parse(out.getvalue(), "word").text == "hello"


def test_an_open_document_text_is_read(parse):
    names = "urn:oasis:names:tc:opendocument:xmlns"
    content = f"""<o:document-content xmlns:o="{names}:office:1.0" xmlns:t="{names}:table:1.0"
      xmlns:x="{names}:text:1.0"><o:body><o:text><x:h>Title</x:h>
      <x:p>one<x:s x:c="2"/>two<x:tab/>three<x:line-break/><x:span>four</x:span></x:p>
      <x:list><x:list-item><x:p>item</x:p></x:list-item></x:list>
      <t:table><t:table-row><t:table-cell><x:p>a</x:p></t:table-cell>
      <t:table-cell><x:p>b</x:p></t:table-cell></t:table-row></t:table>
      </o:text></o:body></o:document-content>"""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    result = parse(out.getvalue(), "word")
    assert result.text == "Title\none  two\tthree\nfour\nitem\na\tb"
    assert result.pages[0].tables[0].rows == (("a", "b"),)


def test_entities_are_not_expanded(parse):
    entities = '<!DOCTYPE x [<!ENTITY a "boom">]>'
    out = io.BytesIO()
    document = docx.Document()
    with zipfile.ZipFile(io.BytesIO(_saved(document))) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "word/document.xml":
                start = content.index(b"<w:document")
                content = content[:start] + entities.encode() + content[start:]
                content = content.replace(
                    b"<w:sectPr", b"<w:p><w:r><w:t>&a;</w:t></w:r></w:p><w:sectPr", 1
                )
            new.writestr(name, content)
    try:
        assert "boom" not in parse(out.getvalue(), "word").text
    except Reject as why:
        assert "damaged" in str(why)


def test_a_damaged_document_is_rejected(parse):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types")
    with pytest.raises(Reject, match="damaged"):
        parse(out.getvalue(), "word")
