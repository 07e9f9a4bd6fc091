"""One rule for what is hidden, in all kinds of documents: it is read, and the page says so."""

from __future__ import annotations

import pytest

from lineal_consumers.ocr.hidden import (
    HIDDEN_CELLS,
    HIDDEN_SHEET,
    HIDDEN_SLIDE,
    HIDDEN_TEXT,
    UNSEEN,
)
from tests.consumers.ocr.parsers.packages import OFFICE, A, P, W, package, relations, word, workbook
from tests.consumers.ocr.parsers.test_around_the_text import open_document

SECRET = "to another account"


def row(text: str, *, cells: int = 0, hidden: str = "") -> str:
    empty = "<c/>" * cells
    return f'<row {hidden}>{empty}<c t="inlineStr"><is><t>{text}</t></is></c></row>'


def column(first: int, last: int) -> str:
    return f'</sheetData><cols><col min="{first}" max="{last}" hidden="1"/></cols><sheetData>'


NOTHING = (
    '<numFmts><numFmt numFmtId="200" formatCode=";;;"/></numFmts>'
    '<cellXfs><xf/><xf numFmtId="200"/></cellXfs>'
)


@pytest.mark.parametrize(
    ("rows", "doubts"),
    [
        (row("shown") + row(SECRET, hidden='hidden="1"'), (HIDDEN_CELLS,)),
        (column(2, 3) + row("shown") + row(SECRET, cells=2), (HIDDEN_CELLS,)),
        (column(4, 9) + row("shown") + row(SECRET, cells=2), ()),
        (row("shown") + row(SECRET) + '<row hidden="1"><c/></row>', ()),
        (row("shown") + row(SECRET, hidden='ht="0" customHeight="1"'), (HIDDEN_CELLS,)),
        (column(2, 3).replace("hidden", "width='0' x") + row(SECRET, cells=2), (HIDDEN_CELLS,)),
    ],
)
def test_hidden_rows_and_columns_of_sheets(parse, rows, doubts):
    result = parse(workbook(rows), "sheet")
    assert SECRET in result.text
    assert result.pages[0].doubts == doubts


def test_numbers_in_a_format_that_shows_nothing(parse):
    result = parse(workbook('<row><c s="1"><v>4711</v></c></row>', styles=NOTHING), "sheet")
    assert "4711" in result.text
    assert result.pages[0].doubts == (HIDDEN_CELLS,)


@pytest.mark.parametrize(
    ("format", "doubts"), [(";;;", (HIDDEN_CELLS,)), (";;", ()), ("0;;;@", ())]
)
def test_texts_in_a_format_that_shows_nothing(parse, format, doubts):
    cell = f'<row><c t="inlineStr" s="1"><is><t>{SECRET}</t></is></c></row>'
    result = parse(workbook(cell, styles=NOTHING.replace(";;;", format)), "sheet")
    assert SECRET in result.text
    assert result.pages[0].doubts == doubts


@pytest.mark.parametrize("state", ["hidden", "veryHidden", "visible"])
def test_hidden_sheets(parse, state):
    data = workbook(row(SECRET), sheet=f'state="{state}"')
    result = parse(data, "sheet")
    assert SECRET in result.text
    assert result.pages[0].doubts == (() if state == "visible" else (HIDDEN_SHEET,))


@pytest.mark.parametrize(
    ("slide", "shape", "doubts"),
    [("show='0'", "", (HIDDEN_SLIDE,)), ("", "hidden='1'", (HIDDEN_TEXT,)), ("", "", ())],
)
def test_hidden_slides_and_shapes(parse, slide, shape, doubts):
    names = f'xmlns:p="{P}" xmlns:a="{A}" xmlns:r="{OFFICE}"'
    data = package(
        "ppt/presentation.xml",
        {
            "ppt/presentation.xml": f"<p:presentation {names}><p:sldIdLst>"
            '<p:sldId r:id="slide_1"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": relations(slide_1="one.xml"),
            "ppt/one.xml": f"<p:sld {names} {slide}><p:cSld><p:spTree><p:sp><p:nvSpPr>"
            f"<p:cNvPr id='2' name='a' {shape}/></p:nvSpPr><p:txBody><a:p><a:r><a:t>{SECRET}</a:t>"
            "</a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>",
        },
    )
    result = parse(data, "word")
    assert result.text == SECRET
    assert result.pages[0].doubts == doubts


WHITE = '<w:rPr><w:color w:val="FFFFFF"/></w:rPr>'


@pytest.mark.parametrize(
    ("body", "doubts"),
    [
        ("<w:p><w:r>{white}{text}</w:r></w:p>", (UNSEEN,)),
        ('<w:p><w:r><w:rPr><w:sz w:val="2"/></w:rPr>{text}</w:r></w:p>', (UNSEEN,)),
        ("<w:p><w:r><w:rPr><w:vanish/></w:rPr>{text}</w:r></w:p>", (HIDDEN_TEXT,)),
        ('<w:p><w:pPr><w:shd w:fill="000000"/></w:pPr><w:r>{white}{text}</w:r></w:p>', ()),
        ("<w:tbl><w:tr><w:tc><w:p><w:r>{white}{text}</w:r></w:p></w:tc></w:tr></w:tbl>", ()),
    ],
)
def test_hidden_and_unseen_text_of_word(parse, body, doubts):
    written = body.format(white=WHITE, text=f"<w:t>{SECRET}</w:t>")
    result = parse(word(written), "word")
    assert SECRET in result.text
    assert result.pages[0].doubts == doubts


WORD_STYLES = (
    '<w:style w:type="paragraph" w:styleId="H"><w:rPr><w:vanish/></w:rPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Of"><w:basedOn w:val="H"/></w:style>'
    '<w:style w:type="character" w:styleId="C"><w:rPr><w:vanish/></w:rPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Not"><w:basedOn w:val="H"/>'
    '<w:rPr><w:vanish w:val="0"/></w:rPr></w:style>'
)


@pytest.mark.parametrize(
    ("paragraph", "run", "hidden"),
    [
        ('<w:pStyle w:val="H"/>', "", True),
        ('<w:pStyle w:val="Of"/>', "", True),
        ('<w:pStyle w:val="Not"/>', "", False),
        ("", '<w:rStyle w:val="C"/>', True),
        ('<w:pStyle w:val="H"/>', '<w:vanish w:val="false"/>', False),
    ],
)
def test_styles_of_word_hide_text(parse, paragraph, run, hidden):
    written = word(
        f"<w:p><w:pPr>{paragraph}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t>{SECRET}</w:t></w:r></w:p>",
        styles=("styles.xml", f'<w:styles xmlns:w="{W}">{WORD_STYLES}</w:styles>'),
    )
    result = parse(written, "word")
    assert SECRET in result.text
    assert result.pages[0].doubts == ((HIDDEN_TEXT,) if hidden else ())


STYLES = (
    '<office:automatic-styles><style:style style:name="H" style:family="text">'
    '<style:text-properties text:display="none"/></style:style></office:automatic-styles>'
)


@pytest.mark.parametrize(
    ("body", "doubts"),
    [
        ('<text:section text:display="none"><text:p>{0}</text:p></text:section>', (HIDDEN_TEXT,)),
        ("<text:p><text:hidden-text>{0}</text:hidden-text></text:p>", (HIDDEN_TEXT,)),
        ('<text:p><text:hidden-paragraph text:is-hidden="true"/>{0}</text:p>', (HIDDEN_TEXT,)),
        ('<text:p><text:hidden-paragraph text:is-hidden="false"/>{0}</text:p>', ()),
        ('<text:p><text:span text:style-name="H">{0}</text:span></text:p>', (HIDDEN_TEXT,)),
        ('<text:p><text:span text:style-name="S">{0}</text:span></text:p>', ()),
    ],
)
def test_hidden_text_of_opendocument(parse, body, doubts):
    result = parse(open_document(body.format(SECRET), "text", STYLES), "word")
    assert SECRET in result.text
    assert result.pages[0].doubts == doubts


def test_hidden_rows_of_opendocument(parse):
    rows = "".join(
        f"<table:table-row {shown}><table:table-cell><text:p>{text}</text:p></table:table-cell>"
        "</table:table-row>"
        for shown, text in (("", "shown"), ('table:visibility="collapse"', SECRET))
    )
    data = open_document(f'<table:table table:name="a">{rows}</table:table>', "spreadsheet")
    result = parse(data, "sheet")
    assert SECRET in result.text
    assert result.pages[0].doubts == (HIDDEN_CELLS,)


@pytest.mark.parametrize(
    "hidden",
    [
        "<div style='display: none'>to <b>another</b> account</div>",
        "<p hidden>to another account</p>",
        "<p style='visibility:hidden'>to another<br> account</p>",
    ],
)
def test_hidden_text_of_pages_and_mails(parse, hidden):
    result = parse(f"<body><p>a</p>{hidden}<p>b</p></body>", "html")
    assert " ".join(result.text.split()) == f"a {SECRET} b"
    assert result.pages[0].doubts == (HIDDEN_TEXT,)


def test_what_is_not_hidden_is_no_doubt(parse):
    source = "<body><p hidden></p><div style='display:none'><br></div><p>a</p></body>"
    result = parse(source, "html")
    assert result.text.strip() == "a"
    assert result.pages[0].doubts == ()
