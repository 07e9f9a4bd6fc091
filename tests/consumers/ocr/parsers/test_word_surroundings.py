"""DOCX beside its main text, variants of the format, and what is costly in it."""

from __future__ import annotations

import io
import zipfile

import pytest

from lineal.stages import Reject
from lineal_consumers.ocr.attachments.office import office_attachments
from lineal_consumers.ocr.parsers import parse_pages
from lineal_consumers.ocr.parsers.markup import check_markup
from lineal_schemas.documents import PageRange
from tests.consumers.ocr.parsers.packages import OFFICE, A, C, W, paragraph, relations, word


def _story(kind: str, text: str) -> str:
    return f'<w:{kind} xmlns:w="{W}">{paragraph(text)}</w:{kind}>'


def test_headers_and_footers_of_first_and_even_pages_are_read(parse):
    references = "".join(
        f'<w:{kind}Reference w:type="{which}" r:id="{kind}_{which}"/>'
        for kind in ("header", "footer")
        for which in ("default", "first", "even")
    )
    parts = {
        f"{kind}_{which}": (
            f"{kind}_{which}.xml",
            _story(kind[0:2] and f"{kind}s", f"{which} {kind}"),
        )
        for kind in ("header", "footer")
        for which in ("default", "first", "even")
    }
    data = word(f"{paragraph('body')}<w:sectPr>{references}</w:sectPr>", **parts)  # type: ignore[arg-type]
    lines = parse(data, "word").text.splitlines()
    assert lines[:4] == ["default header", "first header", "even header", "body"]
    assert lines[4:] == ["default footer", "first footer", "even footer"]


@pytest.mark.parametrize("strict", [False, True])
def test_notes_and_comments_are_read(parse, strict):
    data = word(
        paragraph("body"),
        strict=strict,
        footnotes=("footnotes.xml", f'<w:footnotes xmlns:w="{W}"><w:footnote w:type="separator">'
                   f"{paragraph('rule')}</w:footnote><w:footnote>{paragraph('a note')}</w:footnote>"
                   "</w:footnotes>"),
        comments=("comments.xml", f'<w:comments xmlns:w="{W}"><w:comment w:author="Ada">'
                  f"{paragraph('not agreed')}</w:comment></w:comments>"),
    )  # fmt: skip
    assert parse(data, "word").text == "body\na note\nComment by Ada:\nnot agreed"


def test_formulas_are_read_with_their_structure(parse):
    m = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    part = "<m:{0}><m:r><m:t>{1}</m:t></m:r></m:{0}>"
    formula = (
        f'<w:p xmlns:m="{m}"><m:oMath><m:r><m:t>E=</m:t></m:r><m:f>'
        f"{part.format('num', 'a+b')}{part.format('den', 'c')}</m:f>"
        f"<m:sSup>{part.format('e', 'x')}{part.format('sup', '2')}</m:sSup></m:oMath></w:p>"
    )
    assert parse(word(formula), "word").text == "E=(a+b)/cx^2"


def test_chunks_of_other_formats_are_read(parse):
    body = f'{paragraph("before")}<w:altChunk r:id="aFChunk_1"/><w:altChunk r:id="aFChunk_2"/>'
    html = "<p>from HTML</p><table><tr><td>a<td>b<tr><td>c<td>d</table>"
    data = word(
        body,
        aFChunk_1=("a.html", html),
        aFChunk_2=("b.docx", word(paragraph("from DOCX") + '<w:altChunk r:id="x"/>')),
    )
    result = parse(data, "word")
    assert result.text == "before\nfrom HTML\na\tb\nc\td\nfrom DOCX"
    assert result.pages[0].tables[0].rows == (("a", "b"), ("c", "d"))
    assert result.pages[0].doubts == ("a part of the text is not in the file",)


def test_a_chunk_with_its_pictures_is_read(tmp_path):
    chunk = (
        b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\n"
        b"Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n"
        b'<p>caf=C3=A9</p><img src=3D"i.png">\n--x\nContent-Type: image/png\n'
        b"Content-Transfer-Encoding: base64\n\ncGl4ZWxz\n--x--\n"
    )
    path = tmp_path / "a.docx"
    path.write_bytes(word('<w:altChunk r:id="aFChunk_1"/>', aFChunk_1=("a.mht", chunk)))
    (page,) = parse_pages(path, "word", PageRange(first=1, last=1, method="parse")).pages
    assert page.text.split() == ["café"]
    assert [picture.data for picture in page.pictures] == [b"pixels"]


def test_what_is_drawn_onto_a_chart_is_read(parse):
    chart = f'<c:chartSpace xmlns:c="{C}" xmlns:a="{A}"><c:chart/></c:chartSpace>'
    text = "<a:p><a:r><a:t>Target</a:t></a:r></a:p>"
    drawn = f'<c:userShapes xmlns:c="{C}" xmlns:a="{A}">{text}</c:userShapes>'
    data = word(
        '<w:p><w:r><w:drawing><c:chart r:id="chart_1"/></w:drawing></w:r></w:p>',
        chart_1=("chart.xml", chart),
    )
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("word/_rels/chart.xml.rels", relations(chartUserShapes_1="on.xml"))
        archive.writestr("word/on.xml", drawn)
    assert "Target" in parse(out.getvalue(), "word").text


def test_charts_and_diagrams_are_read(parse):
    chart = (
        f'<c:chartSpace xmlns:c="{C}" xmlns:a="{A}"><c:title><c:tx><c:rich><a:p><a:r><a:t>Sales'
        "</a:t></a:r></a:p></c:rich></c:tx></c:title><c:ser><c:tx><c:v>North</c:v></c:tx>"
        "<c:cat><c:v>Jan</c:v><c:v>Feb</c:v></c:cat><c:val><c:v>3</c:v><c:v>5</c:v></c:val></c:ser>"
        "</c:chartSpace>"
    )
    d = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
    diagram = (
        f'<d:dataModel xmlns:d="{d}" xmlns:a="{A}"><d:ptLst><d:pt><d:t><a:p><a:r><a:t>Plan</a:t>'
        "</a:r></a:p></d:t></d:pt></d:ptLst></d:dataModel>"
    )
    body = (
        '<w:p><w:r><w:drawing><c:chart r:id="chart_1"/></w:drawing></w:r></w:p>'
        f'<w:p><w:r><w:drawing><d:relIds xmlns:d="{d}" r:dm="diagramData_1"/></w:drawing></w:r>'
        "</w:p>"
    )
    data = word(body, chart_1=("chart.xml", chart), diagramData_1=("data.xml", diagram))
    assert parse(data, "word").text.split("\n") == [
        "Sales", "North\tJan\t3\tFeb\t5", "", "Plan",
    ]  # fmt: skip


def test_a_missing_picture_and_an_object_of_another_program_are_doubts(parse):
    picture = '<w:p><w:r><w:drawing><a:blip r:embed="image_1"/></w:drawing></w:r></w:p>'
    data = word(picture, oleObject_1=("embeddings/a.bin", b"?"))
    doubts = parse(data, "word").pages[0].doubts
    assert doubts == (
        "a picture is not in the file",
        "an object of another program that is embedded in the document was not read",
    )


def test_a_document_of_its_main_part_alone_is_read(parse):
    assert parse(word(paragraph("all there is")), "word").text == "all there is"


def test_markup_is_bounded_by_what_it_is(parse):
    nested = "<w:tbl><w:tr><w:tc>" * 2_000
    with pytest.raises(Reject, match="too deep"):
        parse(word(nested + "</w:tc></w:tr></w:tbl>" * 2_000), "word")
    tags = b"<w:p/>" * 1_500
    check_markup(tags, packed_bytes=2_000, free_marks=1_000)
    with pytest.raises(Reject, match="at most 1,000 tags"):
        check_markup(tags, packed_bytes=200, free_marks=1_000)


def test_relations_out_of_the_file_are_not_followed(parse):
    outside = f'<w:p><w:r><w:drawing><a:blip r:link="{OFFICE}"/></w:drawing></w:r></w:p>'
    assert parse(word(outside), "word").pages[0].doubts == ("a picture is not in the file",)


def test_an_embedded_office_file_is_a_file_of_its_own(tmp_path):
    path = tmp_path / "letter"
    path.write_bytes(word(paragraph("x"), package_1=("embeddings/a.xlsx", b"PK")))
    assert [(f.name, f.read(9)) for f in office_attachments(path)] == [("a.xlsx", b"PK")]
    path.write_bytes(b"{\\rtf1 no package}")
    assert list(office_attachments(path)) == []
