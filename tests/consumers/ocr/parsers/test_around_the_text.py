"""What stands in a document beside its running text: notes, changes under review, numbers of items,
fields of forms, titles of books."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pytest

from lineal_consumers.ocr.hidden import HIDDEN_TEXT

NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{part}:1.0"'
    for name, part in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("form", "form"),
        ("style", "style"),
    )
) + ' xmlns:dc="http://purl.org/dc/elements/1.1/"'  # fmt: skip


def archive(parts: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return out.getvalue()


def open_document(body: str, kind: str = "text", styles: str = "") -> bytes:
    content = f"<office:document-content {NAMES}><office:body><office:{kind}>{body}</office:{kind}>"
    return archive(
        {
            "content.xml": content + "</office:body></office:document-content>",
            "styles.xml": f"<office:document-styles {NAMES}>{styles}</office:document-styles>",
        }
    )


def test_notes_and_readings_of_opendocument_divide_no_words(parse):
    note = (
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>see below"
        "</text:p></text:note-body></text:note>"
    )
    ruby = (
        "<text:ruby><text:ruby-base>東京</text:ruby-base><text:ruby-text>とうきょう</text:ruby-text>"
        "</text:ruby>"
    )
    body = f"<text:p>The price{note} is high.</text:p><text:p>{ruby}都</text:p>"
    text = parse(open_document(body), "word").text
    assert text == "The price is high.\n1 see below\n東京都 (とうきょう)"


def test_what_was_deleted_under_review_in_opendocument_is_named(parse):
    deleted = (
        "<text:tracked-changes><text:changed-region><text:deletion><office:change-info>"
        "<dc:creator>Ann</dc:creator></office:change-info><text:p>old words</text:p>"
        "</text:deletion></text:changed-region></text:tracked-changes>"
    )
    text = parse(open_document(f"{deleted}<text:p>new words</text:p>"), "word").text
    assert text == "new words\nDeleted by Ann: old words"


def test_items_and_headings_of_opendocument_have_their_numbers(parse):
    level = '<text:list-level-style-number text:level="{0}" style:num-format="{1}" {2}/>'
    styles = (
        '<text:list-style style:name="L">'
        + level.format(1, "1", 'style:num-suffix=".)"')
        + level.format(2, "a", 'style:num-suffix=")" text:display-levels="2"')
        + "</text:list-style><text:outline-style>"
        '<text:outline-level-style text:level="1" style:num-format="I" style:num-suffix="."/>'
        "</text:outline-style>"
    )
    item = "<text:list-item><text:p>{0}</text:p>{1}</text:list-item>"
    inner = f"<text:list>{item.format('b', '')}{item.format('c', '')}</text:list>"
    numbered = '<text:list text:style-name="L"{1}>{0}</text:list>'
    body = (
        '<text:h text:outline-level="1">One</text:h>'
        + numbered.format(item.format("a", inner) + item.format("d", ""), "")
        + "<text:p>between</text:p>"
        + numbered.format(item.format("e", ""), ' text:continue-numbering="true"')
        + numbered.format(item.format("f", ""), "")
        + '<text:h text:outline-level="1">Two</text:h>'
        '<text:list text:style-name="bullets">' + item.format("g", "") + "</text:list>"
    )
    assert parse(open_document(body, styles=styles), "word").text.splitlines() == [
        "I. One", "1.) a", "1.a) b", "1.b) c", "2.) d", "between", "3.) e", "1.) f", "II. Two", "g",
    ]  # fmt: skip


def test_ticks_of_opendocument_forms_are_read(parse):
    boxes = (
        '<form:checkbox form:label="Agreed" form:current-state="checked"/>'
        '<form:radio form:label="Never" form:current-selected="false"/>'
    )
    form = f"<office:forms><form:form>{boxes}</form:form></office:forms>"
    assert parse(open_document(form), "word").text == "☒ Agreed\n☐ Never"


def test_what_is_printed_around_sheets_is_read_once(parse):
    styles = (
        "<office:master-styles><style:master-page><style:header><text:p>Confidential</text:p>"
        "</style:header><style:footer><text:p>Page <text:page-number>1</text:page-number></text:p>"
        "</style:footer></style:master-page></office:master-styles>"
    )
    sheet = (
        '<table:table table:name="{0}"><table:table-row><table:table-cell><text:p>{0}1</text:p>'
        "</table:table-cell></table:table-row></table:table>"
    )
    data = open_document(sheet.format("a") + sheet.format("b"), "spreadsheet", styles)
    assert parse(data, "sheet", 2).text == "a\nConfidential\na1\fb\nb1"


@pytest.mark.parametrize(
    ("source", "text", "doubt"),
    [
        (r"{\v unseen\plain  seen}", "unseen seen", HIDDEN_TEXT),
        (r"{\v unseen} seen", "unseen seen", HIDDEN_TEXT),
        (r"kept {\deleted old words} new", "kept  new\nDeleted: old words", None),
        (r"{\listtext 2.3.\tab}Clause", "2.3. Clause", None),
        (r"{\listtext \'b7\tab}Clause", "Clause", None),
        (r"{\pntext o\tab}Clause", "Clause", None),
        (r"{\field{\*\fldinst FORMDROPDOWN{\*\formfield{\fftype2\ffres1{\*\ffname D}{\*\ffl France}"
         r"{\*\ffl Portugal}}}}{\fldrslt }}", "Portugal", None),
        (r"{\field{\*\fldinst FORMCHECKBOX{\*\formfield{\fftype1\ffres25\ffdefres1}}}}yes", "☒ yes",
         None),
    ],
)  # fmt: skip
def test_what_rich_text_shows_beside_its_text(parse, source, text, doubt):
    result = parse(rf"{{\rtf1\ansi {source}}}", "word")
    assert result.text.strip("\n") == text
    assert list(result.pages[0].doubts) == ([doubt] if doubt else [])


def book(contents: str, chapter: str) -> bytes:
    package = (
        '<package xmlns:dc="urn:x" xmlns:d="http://purl.org/dc/elements/1.1/"><metadata>'
        "<d:title>Wanderings</d:title><d:creator>Ida P.</d:creator></metadata><manifest>"
        f'<item id="c" href="t/c.xhtml"/>{contents}</manifest><spine><itemref idref="c"/></spine>'
        "</package>"
    )
    return archive(
        {
            "META-INF/container.xml": '<container><rootfile full-path="O/p.opf"/></container>',
            "O/p.opf": package,
            "O/t/c.xhtml": f"<html><body>{chapter}</body></html>",
            "O/nav.xhtml": '<html><nav><a href="t/c.xhtml">The first</a></nav></html>',
            "O/toc.ncx": "<ncx><navPoint><navLabel><text>The first</text></navLabel>"
            '<content src="t/c.xhtml#a"/></navPoint></ncx>',
        }
    )


@pytest.mark.parametrize(
    "contents",
    [
        '<item id="n" href="nav.xhtml" properties="nav"/>',
        '<item id="n" href="toc.ncx" media-type="application/x-dtbncx+xml"/>',
    ],
)
def test_titles_of_books_and_chapters_are_read_where_the_pages_do_not_say_them(parse, contents):
    text = parse(book(contents, "<p>words</p>"), "word").text
    assert text == "Wanderings\nIda P.\nThe first\nwords"
    said = parse(book(contents, "<h1>The first</h1><p>Wanderings by Ida P.</p>"), "word").text
    assert said == "The first\nWanderings by Ida P."


def test_items_of_markdown_have_their_numbers(parse):
    text = parse("3. third\n4. fourth\n   - dot\n\nend\n", "markdown").text
    assert text == "3. third\n4. fourth\ndot\n\nend"
