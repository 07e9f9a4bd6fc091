"""Presentations, RTF, books, and OpenDocument beside its main text."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from lineal.stages import Reject
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import inspect_file
from lineal_consumers.ocr.parsers import parse_pages
from lineal_schemas.documents import PageRange
from tests.consumers.ocr.parsers.packages import OFFICE, A, P, package, relations

NAMES = "urn:oasis:names:tc:opendocument:xmlns"
ODF = " ".join(
    f'xmlns:{short}="{NAMES}:{name}:1.0"'
    for short, name in (
        ("o", "office"), ("x", "text"), ("t", "table"), ("d", "drawing"), ("s", "style"),
        ("p", "presentation"),
    )
)  # fmt: skip
ODF += ' xmlns:l="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/"'


def _archive(members: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _shape(text: str, kind: str = "body") -> str:
    return (
        f'<p:sp><p:nvPr><p:ph type="{kind}"/></p:nvPr><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r>'
        "</a:p></p:txBody></p:sp>"
    )


@pytest.mark.parametrize("strict", [False, True])
def test_slides_are_pages_with_tables_and_notes(parse, strict):
    names = f'xmlns:p="{P}" xmlns:a="{A}" xmlns:r="{OFFICE}"'
    cells = "".join(f"<a:tc><a:p><a:r><a:t>{c}</a:t></a:r></a:p></a:tc>" for c in "ab")
    slide = "<p:sld {0}><p:cSld><p:spTree>{1}</p:spTree></p:cSld></p:sld>"
    table = f"<p:graphicFrame><a:tbl><a:tr>{cells}</a:tr></a:tbl></p:graphicFrame>"
    data = package(
        "ppt/presentation.xml",
        {
            "ppt/presentation.xml": f"<p:presentation {names}><p:sldIdLst>"
            '<p:sldId r:id="slide_2"/><p:sldId r:id="slide_1"/><p:sldId r:id="slide_9"/>'
            "</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": relations(slide_1="one.xml", slide_2="two.xml"),
            "ppt/one.xml": slide.format(names, _shape("Title") + table),
            "ppt/two.xml": slide.format(names, f"<p:grpSp>{_shape('Grouped')}</p:grpSp>"),
            "ppt/_rels/two.xml.rels": relations(notesSlide_1="notes.xml"),
            "ppt/notes.xml": slide.format(names, _shape("Say this") + _shape("1", "sldNum")),
        },
        strict=strict,
    )
    result = parse(data, "word", pages=3)
    assert result.text == "Grouped\nSay this\fTitle\na\tb\f"
    assert result.pages[1].tables[0].rows == (("a", "b"),)
    assert result.pages[2].doubts == ("the slide is missing in the file",)


def test_rich_text_is_read_with_what_stands_around_it(parse):
    data = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 X;}}"
        rb"{\info{\title hidden}}{\header Letterhead\par}"
        rb"Gr\'fc\'dfe \u8364? {\f1\'cf\'f0\'e8} \{x\}\par"
        rb"{\field{\*\fldinst HYPERLINK}{\fldrslt link}}{\footnote a note}{\v unseen}\par"
        rb"\trowd\cellx1\pard\intbl a\cell b\cell\row\trowd\pard\intbl c\cell d\cell\row\pard end}"
    )
    result = parse(data, "word")
    text = result.text
    for shown in ("Letterhead", "Grüße € При {x}", "link", "a note", "unseen", "a\tb", "end"):
        assert shown in text
    assert "hidden" not in text and "HYPERLINK" not in text
    assert result.pages[0].tables[0].rows == (("a", "b"), ("c", "d"))


def test_rich_text_that_says_something_twice_is_read_in_unicode(parse):
    data = rb"{\rtf1\ansi a {\upr{old: ?}{\*\ud{new: \u1044?}}} b{\upr{x}{\*\ud{y}}}}"
    assert parse(data, "word").text == "a new: \u0414 by"


def test_rich_text_has_a_depth_and_an_end(parse):
    with pytest.raises(Reject, match="too deep"):
        parse(b"{\\rtf1 " + b"{" * 5_000, "word")
    with pytest.raises(Reject, match="control words"):
        parse(b"{\\rtf1 " + b"\\b" * 1_100_000, "word")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (rb"\uc1\u1044?\u1086?\u1084?", "Дом"),
        (rb"\uc0\u1044\u1086 \u1084", "Дом"),
        (rb"\uc2 \u1044\'c4\'c4\u1086\'c4\'c4", "До"),
        (rb"\u-10179?\u-8704?", "\U0001f600"),
        (rb"\'fc\'fc\'fc", "üüü"),
    ],
)
def test_characters_of_rich_text_outside_of_ascii(parse, source, text):
    assert parse(rb"{\rtf1\ansi " + source + b"}", "word").text == text


def test_the_chapters_of_a_book_are_pages_in_reading_order(parse):
    data = _archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="b/p.opf"/>'
            "</rootfiles></container>",
            "b/p.opf": '<package><manifest><item id="1" href="one.html"/><item id="2" '
            'href="t%20wo.html"/></manifest><spine><itemref idref="2"/><itemref idref="1"/>'
            '<itemref idref="3"/></spine></package>',
            "b/one.html": "<p>first file</p>",
            "b/t wo.html": "<p>second file</p>",
        }
    )
    result = parse(data, "word", pages=3)
    assert result.text == "second file\ffirst file\f"
    assert result.pages[2].doubts == ("a chapter is missing in the file",)


def test_an_open_document_has_headers_comments_boxes_and_objects(parse):
    data = _archive(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f"<o:document-content {ODF}><o:body><o:text>"
            "<x:p>body<o:annotation><dc:creator>Ada</dc:creator><x:p>no</x:p></o:annotation></x:p>"
            "<x:p><d:frame><d:text-box><x:p>boxed</x:p></d:text-box></d:frame></x:p>"
            '<x:p><d:frame><d:object l:href="./Object 1"/></d:frame></x:p>'
            '<x:p><d:frame><d:image l:href="Pictures/gone.png"/></d:frame></x:p>'
            "</o:text></o:body></o:document-content>",
            "styles.xml": f"<o:styles {ODF}><s:master-page><s:header><x:p>head</x:p></s:header>"
            "<s:footer-first><x:p>foot</x:p></s:footer-first></s:master-page></o:styles>",
            "Object 1/content.xml": f"<o:document-content {ODF}><x:p>chart title</x:p>"
            "</o:document-content>",
        }
    )
    page = parse(data, "word").pages[0]
    text = parse(data, "word").text
    assert [line for line in text.splitlines() if line] == [
        "head", "body", "Comment by Ada:", "no", "boxed", "chart title", "foot",
    ]  # fmt: skip
    assert page.doubts == ("the picture gone.png is missing in the file",)


def test_open_document_slides_are_pages(parse):
    data = _archive(
        {
            "mimetype": "application/vnd.oasis.opendocument.presentation",
            "content.xml": f"<o:document-content {ODF}><o:body><o:presentation>"
            "<d:page><d:frame><d:text-box><x:p>one</x:p></d:text-box></d:frame>"
            "<p:notes><d:frame><d:text-box><x:p>say</x:p></d:text-box></d:frame></p:notes></d:page>"
            "<d:page/></o:presentation></o:body></o:document-content>",
        }
    )
    assert parse(data, "word", pages=2).text == "one\nsay\f"


def test_repeated_cells_of_an_open_document_are_bounded(parse):
    data = _archive(
        {
            "content.xml": f"<o:document-content {ODF}><o:body><o:spreadsheet><t:table>"
            '<t:table-row t:number-rows-repeated="4999"><t:table-cell '
            f't:number-columns-repeated="1000"><x:p>{"y" * 20_000}</x:p></t:table-cell>'
            "</t:table-row></t:table></o:spreadsheet></o:body></o:document-content>"
        }
    )
    with pytest.raises(Reject, match="too much text"):
        parse(data, "sheet")


def _pictures(tmp_path: Path, data: bytes) -> list[list[str]]:
    path = tmp_path / "document"
    path.write_bytes(data)
    pages = parse_pages(path, "word", PageRange(first=1, last=2, method="parse")).pages
    return [[picture.data.decode() for picture in page.pictures] for page in pages]


def test_what_layout_master_and_background_show_is_read_on_the_first_slide(parse, tmp_path):
    names = f'xmlns:p="{P}" xmlns:a="{A}" xmlns:r="{OFFICE}"'

    def slide(shapes: str, background: str = "", tag: str = "sld") -> str:
        return (
            f"<p:{tag} {names}><p:cSld>{background}<p:spTree>{shapes}</p:spTree></p:cSld></p:{tag}>"
        )

    def fixed(text: str) -> str:
        return f"<p:sp><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"

    def filled(kind: str) -> str:
        return f'<a:blipFill><a:blip r:embed="{kind}"/></a:blipFill>'

    logo = f"<p:pic>{filled('image_1')}</p:pic>"
    background = f"<p:bg><p:bgPr>{filled('image_1')}</p:bgPr></p:bg>"
    data = package(
        "ppt/presentation.xml",
        {
            "ppt/presentation.xml": f"<p:presentation {names}><p:sldIdLst>"
            '<p:sldId r:id="slide_1"/><p:sldId r:id="slide_2"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": relations(slide_1="one.xml", slide_2="two.xml"),
            "ppt/one.xml": slide(_shape("Title"), background),
            "ppt/_rels/one.xml.rels": relations(image_1="paper.png", slideLayout="layout.xml"),
            "ppt/two.xml": slide(_shape("Second")),
            "ppt/_rels/two.xml.rels": relations(slideLayout="layout.xml"),
            "ppt/layout.xml": slide(fixed("Confidential") + _shape("Click here"), tag="sldLayout"),
            "ppt/_rels/layout.xml.rels": relations(slideMaster="master.xml"),
            "ppt/master.xml": slide(fixed("Acme Ltd") + logo, tag="sldMaster"),
            "ppt/_rels/master.xml.rels": relations(image_1="logo.png"),
            "ppt/paper.png": "paper",
            "ppt/logo.png": "logo",
        },
    )
    assert parse(data, "word", pages=2).text == "Title\nConfidential\nAcme Ltd\fSecond"
    assert _pictures(tmp_path, data) == [["paper", "logo"], []]


def test_the_master_of_open_document_slides_is_read_once(parse):
    box = "<d:frame{}><d:text-box><x:p>{}</x:p></d:text-box></d:frame>"
    placeholder = ' p:class="title"'
    data = _archive(
        {
            "content.xml": f"<o:document-content {ODF}><o:body><o:presentation>"
            '<d:page d:master-page-name="M"/><d:page d:master-page-name="M"/>'
            "</o:presentation></o:body></o:document-content>",
            "styles.xml": f'<o:styles {ODF}><s:master-page s:name="M">'
            + box.format("", "Acme Ltd")
            + box.format(placeholder, "Click here")
            + "</s:master-page></o:styles>",
        }
    )
    assert parse(data, "word", pages=2).text == "Acme Ltd\f"


def test_an_open_document_in_one_file_is_read_with_its_pictures_and_fields(parse, tmp_path):
    data = (
        (
            f'<?xml version="1.0"?>\n<o:document {ODF} xmlns:f="{NAMES}:form:1.0" '
            'o:mimetype="application/vnd.oasis.opendocument.text"><o:body><o:text>'
            '<o:forms><f:form><f:text f:current-value="typed"/><f:listbox>'
            '<f:option f:label="chosen" f:current-selected="true"/>'
            '<f:option f:label="other" f:current-selected="false"/></f:listbox></f:form></o:forms>'
            "<x:p>body</x:p><d:frame><d:image><o:binary-data>cGl4ZWxz</o:binary-data></d:image>"
            "</d:frame></o:text></o:body></o:document>"
        )
        .replace("o:", "office:")
        .replace("xmlns:o=", "xmlns:office=")
    )
    path = tmp_path / "letter.fodt"
    path.write_text(data)
    found = inspect_file(path, path.name, ClassifyConfig())
    assert (found.kind, found.media_type) == ("word", "application/vnd.oasis.opendocument.text")
    assert parse(data, "word").text == "typed\nchosen\nbody"
    assert _pictures(tmp_path, data.encode())[0] == ["pixels"]


def test_a_picture_among_the_chapters_of_a_book_is_a_page(parse, tmp_path):
    data = _archive(
        {
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="p.opf"/>'
            "</rootfiles></container>",
            "p.opf": '<package><manifest><item id="1" href="cover.png" media-type="image/png"/>'
            '<item id="2" href="s.svg" media-type="image/svg+xml"/></manifest>'
            '<spine><itemref idref="1"/><itemref idref="2"/></spine></package>',
            "cover.png": "pixels",
            "s.svg": "<svg><text>drawn</text></svg>",
        }
    )
    assert parse(data, "word", pages=2).text == "\fdrawn"
    assert _pictures(tmp_path, data) == [["pixels"], []]
