"""What is seldom in Office files and is seen all the same: changes under review, fields of forms of
old, newer charts, pictures in cells, handwriting."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pytest

from lineal_consumers.ocr.hidden import HIDDEN_TEXT
from lineal_consumers.ocr.parsers import parse_pages
from lineal_consumers.ocr.parsers.drawing import HANDWRITING
from lineal_schemas.documents import PageRange
from tests.consumers.ocr.parsers.packages import (
    OFFICE,
    A,
    C,
    P,
    S,
    W,
    package,
    paragraph,
    relations,
    word,
    workbook,
)

MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
M = "http://schemas.openxmlformats.org/officeDocument/2006/math"
XDR = "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"
CX = "http://schemas.microsoft.com/office/drawing/2014/chartex"
CELL = '<row r="1"><c r="A1" t="inlineStr"><is><t>total</t></is></c></row>'


def run(text: str, properties: str = "") -> str:
    return f'<w:r>{properties}<w:t xml:space="preserve">{text}</w:t></w:r>'


def with_parts(data: bytes, parts: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_text_deleted_under_review_follows_its_story(parse):
    deleted = '<w:del w:author="Ann"><w:r><w:delText>{0}</w:delText></w:r></w:del>'
    changed = (
        f"<w:p>{run('The rent is ')}{deleted.format('nineteen')}{deleted.format('hundred')}"
        f'<w:ins w:author="Ann">{run("2400")}</w:ins>{run(" pounds")}'
        f"{deleted.format('a year')}</w:p>"
    )
    text = parse(word(changed + paragraph("the end")), "word").text
    assert text == "The rent is 2400 pounds\nthe end\nDeleted by Ann: nineteenhundred a year"


@pytest.mark.parametrize("spelled_out", [False, True])
def test_what_is_chosen_in_a_list_of_a_form_is_read_once(parse, spelled_out):
    field = '<w:r><w:fldChar w:fldCharType="{0}">{1}</w:fldChar></w:r>'
    choices = (
        '<w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="France"/>'
        '<w:listEntry w:val="Portugal"/></w:ddList></w:ffData>'
    )
    shown = run("Portugal") if spelled_out else ""
    data = word(
        f"<w:p>{run('From ')}{field.format('begin', choices)}{field.format('separate', '')}"
        f"{shown}{field.format('end', '')}{run('.')}</w:p>"
    )
    assert parse(data, "word").text == "From Portugal."


def test_a_word_is_whole_without_how_it_is_pronounced(parse):
    ruby = "<w:r><w:ruby><w:rt>{1}</w:rt><w:rubyBase>{0}</w:rubyBase></w:ruby></w:r>"
    written = ruby.format(run("東"), run("とう")) + ruby.format(run("京"), run("きょう"))
    assert parse(word(f"<w:p>{written}{run('都')}</w:p>"), "word").text == "東京都 (とう きょう)"


def test_what_tabs_of_the_margin_divide_are_words_of_their_own(parse):
    data = word(f'<w:p>{run("left")}<w:r><w:ptab w:alignment="right"/></w:r>{run("right")}</w:p>')
    assert parse(data, "word").text == "left\tright"


@pytest.mark.parametrize(
    ("body", "text", "doubt"),
    [
        (run("seen") + run("unseen", "<w:rPr><w:vanish/></w:rPr>"), "seenunseen", HIDDEN_TEXT),
        (run("seen") + run("too", '<w:rPr><w:vanish w:val="0"/></w:rPr>'), "seentoo", None),
        (run("seen") + '<w:subDoc r:id="other"/>', "seen", "a part of the text is in another file"),
        (run("seen") + "<w:r><w:drawing><w:contentPart/></w:drawing></w:r>", "seen", HANDWRITING),
    ],
)  # fmt: skip
def test_what_is_not_read_of_a_text_is_a_doubt(parse, body, text, doubt):
    result = parse(word(f"<w:p>{body}</w:p>"), "word")
    assert result.text == text
    assert list(result.pages[0].doubts) == ([doubt] if doubt else [])


def test_handwriting_is_read_from_the_picture_of_it(tmp_path):
    holder = (
        f'<mc:AlternateContent xmlns:mc="{MC}"><mc:Choice><w:drawing><w:contentPart/></w:drawing>'
        '</mc:Choice><mc:Fallback><w:drawing><a:blip r:embed="image_1"/></w:drawing></mc:Fallback>'
        "</mc:AlternateContent>"
    )
    data = word(f"<w:p><w:r>{holder}</w:r></w:p>", image_1=("ink.png", b"pixels"))
    path = tmp_path / "a"
    path.write_bytes(data)
    [page] = parse_pages(path, "word", PageRange(first=1, last=1, method="parse")).pages
    assert [picture.data for picture in page.pictures] == [b"pixels"]
    assert page.doubts == []


def test_conversations_at_cells_are_read_and_not_what_old_programs_show(parse):
    old = (
        f'<comments xmlns="{S}"><commentList><comment ref="A1"><text><t>[Threaded comment] Your '
        "version of Excel</t></text></comment></commentList></comments>"
    )
    said = '<threadedComment ref="A1"><text>{}</text></threadedComment>'
    both = said.format("is wrong") + said.format("no")
    thread = f'<ThreadedComments xmlns="urn:t">{both}</ThreadedComments>'
    data = workbook(CELL, comments=("c.xml", old), threadedComment=("t.xml", thread))
    assert parse(data, "sheet").text == "One\ntotal\nA1: is wrong\nA1: no"


VML = (
    '<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:x="urn:schemas-microsoft-com:office:excel" '
    'xmlns:o="urn:schemas-microsoft-com:office:office">{}</xml>'
)


def control(kind: str, caption: str, more: str = "") -> str:
    return (
        f"<v:shape><v:textbox><div><font>{caption}</font><br></div></v:textbox>"
        f'<x:ClientData ObjectType="{kind}">{more}</x:ClientData></v:shape>'
    )


def test_controls_of_sheets_are_read_once_with_their_ticks(parse):
    ticked = "<x:Checked>1</x:Checked>"
    shapes = (
        control("Button", "Send")
        + control("Checkbox", "Agreed", ticked)
        + control("Radio", "Never")
        + control("Note", "a comment")
    )
    drawn = (
        f'<d:wsDr xmlns:d="{XDR}" xmlns:a="{A}"><d:sp><a:p><a:r><a:t>Agreed</a:t></a:r></a:p>'
        "</d:sp></d:wsDr>"
    )
    data = workbook(CELL, vmlDrawing=("v.vml", VML.format(shapes)), drawing=("d.xml", drawn))
    assert parse(data, "sheet").text == "One\ntotal\nSend\n☒ Agreed\n☐ Never"


def _pictures(data: bytes, tmp_path) -> list[bytes]:
    path = tmp_path / "a"
    path.write_bytes(data)
    [page] = parse_pages(path, "sheet", PageRange(first=1, last=1, method="parse")).pages
    assert page.doubts == []
    return [picture.data for picture in page.pictures]


def test_pictures_in_headers_of_sheets_are_read(tmp_path):
    shape = VML.format('<v:shape id="LH"><v:imagedata o:relid="image_1"/></v:shape>')
    data = workbook(CELL, vmlDrawing=("v.vml", shape))
    parts: dict[str, str | bytes] = {
        "xl/_rels/v.vml.rels": relations(image_1="logo.png"),
        "xl/logo.png": b"pixels",
    }
    assert _pictures(with_parts(data, parts), tmp_path) == [b"pixels"]


def test_pictures_in_cells_are_read(tmp_path):
    parts: dict[str, str | bytes] = {
        "xl/workbook.xml": f'<workbook xmlns="{S}" xmlns:r="{OFFICE}"><sheets><sheet name="One" '
        'r:id="worksheet_1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(worksheet_1="s.xml", richValueRel="rich.xml"),
        "xl/s.xml": f'<worksheet xmlns="{S}"><sheetData><row><c t="e" vm="1"><v>#VALUE!</v></c>'
        "</row></sheetData></worksheet>",
        "xl/_rels/rich.xml.rels": relations(image_1="receipt.png"),
        "xl/rich.xml": "<richValueRels/>",
        "xl/receipt.png": b"pixels",
    }
    assert _pictures(package("xl/workbook.xml", parts), tmp_path) == [b"pixels"]


def test_charts_of_the_newer_kinds_are_read_and_not_that_they_cannot_be_shown(parse):
    chart = (
        f'<cx:chartSpace xmlns:cx="{CX}" xmlns:a="{A}"><cx:chartData><cx:data><cx:strDim><cx:lvl>'
        "<cx:pt>Opening</cx:pt><cx:pt>Sales</cx:pt></cx:lvl></cx:strDim><cx:numDim><cx:lvl>"
        "<cx:pt>4711</cx:pt><cx:pt>12</cx:pt></cx:lvl></cx:numDim></cx:data></cx:chartData>"
        "<cx:chart><cx:title><a:p><a:r><a:t>Bridge</a:t></a:r></a:p></cx:title><cx:series><cx:tx>"
        "<cx:txData><cx:v>Flows</cx:v></cx:txData></cx:tx></cx:series></cx:chart></cx:chartSpace>"
    )
    drawn = (
        f'<d:wsDr xmlns:d="{XDR}" xmlns:a="{A}" xmlns:mc="{MC}" xmlns:r="{OFFICE}">'
        f'<mc:AlternateContent><mc:Choice><cx:chart xmlns:cx="{CX}" r:id="chartEx"/></mc:Choice>'
        "<mc:Fallback><d:sp><a:p><a:r><a:t>not available</a:t></a:r></a:p></d:sp></mc:Fallback>"
        "</mc:AlternateContent></d:wsDr>"
    )
    data = workbook(CELL, drawing=("d.xml", drawn))
    parts = {"xl/_rels/d.xml.rels": relations(chartEx="chart.xml"), "xl/chart.xml": chart}
    text = parse(with_parts(data, parts), "sheet").text
    assert text == "One\ntotal\nBridge\nFlows\nOpening\t4711\nSales\t12"


def slides(shapes: str, **parts: tuple[str, str | bytes]) -> bytes:
    found: dict[str, str | bytes] = {
        "ppt/presentation.xml": f'<p:presentation xmlns:p="{P}" xmlns:r="{OFFICE}"><p:sldIdLst>'
        '<p:sldId r:id="slide"/></p:sldIdLst></p:presentation>',
        "ppt/_rels/presentation.xml.rels": relations(slide="s.xml"),
        "ppt/s.xml": f'<p:sld xmlns:p="{P}" xmlns:a="{A}" xmlns:r="{OFFICE}" xmlns:mc="{MC}" '
        f'xmlns:m="{M}"><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>',
        "ppt/_rels/s.xml.rels": relations(**{name: part for name, (part, _) in parts.items()}),
    }
    return package("ppt/presentation.xml", found | {f"ppt/{n}": c for n, c in parts.values()})


def test_formulas_on_slides_are_read(parse):
    letter = "<m:{0}><m:r><m:t>{1}</m:t></m:r></m:{0}>"
    power = letter.format("e", "c") + letter.format("sup", "2")
    formula = f"<m:oMath><m:sSup>{power}</m:sSup></m:oMath>"
    shape = f"<p:sp><p:txBody><a:p><a:r><a:t>E=m</a:t></a:r>{formula}</a:p></p:txBody></p:sp>"
    alternative = (
        f"<mc:AlternateContent><mc:Choice>{shape}</mc:Choice><mc:Fallback/></mc:AlternateContent>"
    )
    assert parse(slides(alternative), "word").text == "E=mc^2"


def test_films_and_handwriting_on_slides_are_doubts(parse):
    film = '<p:pic><p:nvPicPr><p:nvPr><a:videoFile r:link="film"/></p:nvPr></p:nvPicPr></p:pic>'
    doubts = parse(slides(film + "<p:contentPart/>"), "word").pages[0].doubts
    assert doubts == ("a film or a sound was not read", HANDWRITING)


def test_places_to_fill_in_are_read(parse):
    field = "<w:r><w:instrText> MACROBUTTON NoMacro [Your name]</w:instrText></w:r>"
    other = "<w:r><w:instrText> PAGEREF x</w:instrText></w:r>"
    assert (
        parse(word(f"<w:p>{run('Dear ')}{field}{other}</w:p>"), "word").text == "Dear [Your name]"
    )


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (
            [r' EQ \* jc2 \* "Font:MS Mincho" \* hps10 \o\ad(\s\up 9(', "かんじ", "),漢字)"],
            "かんじ 漢字",
        ),
        ([r"EQ \f(1;2)"], "1 2"),
        ([r"EQ \o\ac(○,1)"], "○ 1"),
        ([r"PAGEREF \h"], ""),
    ],
)
def test_fields_that_write_over_each_other_are_read(parse, pieces, shown):
    def mark(kind):
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    field = "".join(f"<w:r><w:instrText>{piece}</w:instrText></w:r>" for piece in pieces)
    body = f"<w:p>{run('a ')}{mark('begin')}{field}{mark('end')}{run(' b')}</w:p>"
    assert " ".join(parse(word(body), "word").text.split()) == " ".join(["a", *shown.split(), "b"])


def test_documents_in_one_xml_file_are_read(parse):
    body = "<w:body><w:p><w:r><w:t>two</w:t></w:r><w:r><w:t>runs</w:t></w:r></w:p>{}</w:body>"
    document = f'<w:document xmlns:w="{W}">{body.format("")}</w:document>'
    pkg = "http://schemas.microsoft.com/office/2006/xmlPackage"
    parts = {"/_rels/.rels": relations(officeDocument="word/d.xml"), "/word/d.xml": document}
    flat = "".join(
        f'<pkg:part pkg:name="{name}"><pkg:xmlData>{content}</pkg:xmlData></pkg:part>'
        for name, content in parts.items()
    )
    flat += '<pkg:part pkg:name="/a.bin"><pkg:binaryData>AAAA</pkg:binaryData></pkg:part>'
    assert parse(f'<pkg:package xmlns:pkg="{pkg}">{flat}</pkg:package>', "word").text == "tworuns"
    of_2003 = "http://schemas.microsoft.com/office/word/2003/wordml"
    old = f'<w:wordDocument xmlns:w="{of_2003}">{body.format("<w:pict><w:binData/></w:pict>")}'
    result = parse(f"{old}</w:wordDocument>", "word")
    assert result.text == "tworuns"
    assert result.pages[0].doubts == ("pictures in the format of Word 2003 are not read",)


def test_what_is_written_at_the_values_of_a_chart_is_read(parse):
    names = f'xmlns:c="{C}" xmlns:a="{A}" xmlns:e="urn:e"'
    written = "<a:p><a:r><a:t>record year</a:t></a:r></a:p>"
    label = f"<c:dLbl><c:tx><c:rich>{written}</c:rich></c:tx></c:dLbl>"
    cells = "<e:dlblRangeCache><c:pt><c:v>from cells</c:v></c:pt></e:dlblRangeCache>"
    more = "<c:dLbl/><c:trendline><c:name>the trend</c:name></c:trendline>"
    chart = f"<c:chartSpace {names}><c:ser>{label}{more}{cells}</c:ser></c:chartSpace>"
    shown = '<w:p><w:r><w:drawing><c:chart r:id="chart"/></w:drawing></w:r></w:p>'
    text = parse(word(shown, chart=("chart.xml", chart)), "word").text
    assert text.split("\n") == ["record year", "from cells", "the trend"]
