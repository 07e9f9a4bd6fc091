"""HTML: what a browser would show, and its tables."""

from __future__ import annotations

import html

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineal.stages import Reject
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import inspect_file
from lineal_consumers.ocr.parsers import parse_pages
from lineal_schemas.documents import PageRange
from tests.long import examples


def rows(result):
    return [table.rows for table in result.pages[0].tables]


def test_blocks_are_lines_and_inline_tags_are_not(parse):
    source = "<title>T &amp; x</title><h1>Head</h1><p>one <b>bo</b>ld<br>two</p><p>three</p>"
    assert parse(source, "html").text == "T & x\nHead\none bold\ntwo\nthree"


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>secret()</script>",
        "<style>.secret {}</style>",
        "<!-- secret -->",
        "<input type=hidden value=secret>",
        "<template><p>secret</p></template>",
        "<svg><title>secret</title></svg>",
        "<svg><desc>secret</desc><defs><text>secret</text></defs></svg>",
        "<input type=password value=secret>",
    ],
)
def test_what_is_no_text_is_left_out(parse, hidden):
    assert parse(f"<body><p>a</p>{hidden}<p>b</p></body>", "html").text == "a\nb"


def test_what_is_there_for_readers_without_scripts_is_read(parse):
    source = "<head><noscript><link></noscript></head><p>a</p><noscript><p>b</p>c</noscript>d"
    assert parse(source, "html").text == "a\nb\nc\nd"


def test_words_of_drawings_and_of_filled_fields_are_read(parse):
    source = "<p>a</p><svg><text>drawn</text><text>twice</text></svg><p>Name <input value=Ada></p>"
    assert parse(source, "html").text == "a\ndrawn\ntwice\nName Ada"


def test_white_space_is_that_of_a_browser(parse):
    source = "<p>  a\n   b&nbsp;c </p><pre>x\n  y</pre>"
    assert parse(source, "html").text == "a b c\nx\n  y"


def test_a_table_is_a_table_and_lines_of_text(parse):
    source = "<table><tr><th>Item<th>Price<tr><td><p>Tea</p><p>green</p><td>3</table>after"
    result = parse(source, "html")
    assert rows(result) == [(("Item", "Price"), ("Tea green", "3"))]
    assert result.text == "Item\tPrice\nTea green\t3\nafter"


def test_spanning_cells_keep_the_columns_in_place(parse):
    source = (
        "<table><tr><td rowspan=2>a<td colspan=2>b<td>c<tr><td>d<td>e<td>f"
        "<tr><td>g<td>h<td>i<td>j</table>"
    )
    assert rows(parse(source, "html")) == [
        (("a", "b", "", "c"), ("", "d", "e", "f"), ("g", "h", "i", "j"))
    ]


def test_layout_tables_are_no_tables_but_those_inside_are(parse):
    source = "<table><tr><td>left<td><table><tr><td>1<td>2<tr><td>3<td>4</table></table>"
    assert rows(parse(source, "html")) == [(("1", "2"), ("3", "4"))]


@pytest.mark.parametrize("span", ["999999999999", "-3", "x", "²", ""])
def test_senseless_spans_are_survived(parse, span):
    source = f"<table><tr><td colspan='{span}'>a<td>b<tr><td rowspan='{span}'>c<td>d</table>"
    assert "a" in parse(source, "html").text


def test_the_declared_encoding_is_used(parse):
    source = '<meta charset="windows-1251"><p>Привет</p>'.encode("cp1251")
    assert parse(source, "html").text == "Привет"


def test_a_declared_encoding_that_is_wrong_is_not_believed(parse):
    assert parse('<meta charset="utf-16"><p>naïve</p>', "html").text == "naïve"


def test_deep_nesting_is_survived(parse):
    source = "<div>" * 30_000 + "deep" + "</div>" * 30_000 + "<p>after"
    assert parse(source, "html").text.split() == ["deep", "after"]


def test_references_to_impossible_characters_are_survived(parse):
    assert "end" in parse("&#0; &#xD800; &#x110000; &bogus; end", "html").text


@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=100))
def test_escaped_text_comes_back(parse, text):
    assert parse(f"<p>{html.escape(text)}</p>", "html").text == text


def test_cells_that_rows_and_columns_span_are_bounded(parse):
    spans = "<tr><td colspan=999 rowspan=10000>a<td>b" + "<tr><td>c" * 9_000
    with pytest.raises(Reject, match="cells"):
        parse(f"<table>{spans}</table>", "html")


def test_tables_inside_each_other_are_read_however_deep(parse):
    source = "<table><tr><td>x" * 5_000 + "deep" + "</table>" * 5_000 + "<p>after"
    assert parse(source, "html").text.split()[-2:] == ["xdeep", "after"]


def test_a_page_inside_the_page_is_read_where_it_is_shown(parse):
    inner = html.escape("<p>Total <b>41.90</b></p><table><tr><td>1<td>2<tr><td>3<td>4</table>")
    result = parse(f'<p>a</p><iframe srcdoc="{inner}">old browsers</iframe><p>b</p>', "html")
    assert result.text == "a\nTotal 41.90\n1\t2\n3\t4\nb"
    assert rows(result) == [(("1", "2"), ("3", "4"))]


@pytest.mark.parametrize(
    "shown",
    [
        "<iframe src='data:text/html;base64,PHA+VG90YWwgNDEuOTA8L3A+'></iframe>",
        "<object data='data:text/html,%3Cp%3ETotal%2041.90'>nothing</object>",
        "<embed src='data:text/plain,Total%2041.90'>",
        "<frame src='data:text/html,%3Cp%3ETotal%2041.90'>",
        "<img src='data:image/svg+xml,<svg><text>Total 41.90</text></svg>'>",
        "<object data='elsewhere.swf'>Total 41.90</object>",
    ],
)
def test_what_stands_in_an_address_itself_is_read(parse, shown):
    assert parse(f"<p>a</p>{shown}<p>b</p>", "html").text.replace("\n", " ") == "a Total 41.90 b"


def test_pages_in_pages_are_read_down_to_a_depth_that_is_told(parse):
    source = "deep"
    for _ in range(12):
        source = f'<p>x</p><iframe srcdoc="{html.escape(source)}"></iframe>'
    result = parse(source, "html")
    assert result.text == "\n".join("x" * 9)
    assert result.pages[0].doubts == ("pages in more than 8 pages are not read",)


@pytest.mark.parametrize(
    "shown",
    [
        "<img src='{}'>",
        "<img src=small.png srcset='{} 2x'>",
        "<object data='{}'></object>",
        "<embed src='{}'>",
        "<input type=image src='{}'>",
        "<video poster='{}'></video>",
        "<svg><image href='{}'/></svg>",
        "<svg><image xlink:href='{}'/></svg>",
        "<div style='background: url({}) no-repeat'></div>",
        '<iframe srcdoc="<img src={}>"></iframe>',
    ],
)
def test_every_picture_inside_the_page_is_taken(tmp_path, shown):
    path = tmp_path / "page"
    path.write_text("<p>a</p>" + shown.format("data:image/png;base64,iVBORw0KGgo="))
    pages = parse_pages(path, "html", PageRange(first=1, last=1, method="parse")).pages
    assert [picture.data for picture in pages[0].pictures] == [b"\x89PNG\r\n\x1a\n"]


def test_a_section_of_characters_is_text_in_xhtml_alone(parse):
    section = "<![CDATA[Total < 41.90]]>"
    page = f'<html xmlns="http://www.w3.org/1999/xhtml"><body><p>{section}</p></body></html>'
    assert parse(page, "html").text == "Total < 41.90"
    assert parse(f"<p>a</p>{section}<p>b</p>", "html").text == "a\nb"


def test_shadow_trees_and_placeholders_are_shown(parse):
    source = (
        "<div><template shadowrootmode=open><p>Total 41.90</p></template></div>"
        "<template>hidden</template><input placeholder='Your name'>"
    )
    assert parse(source, "html").text == "Total 41.90\nYour name"


def test_a_drawing_is_a_page_with_its_words_and_pictures(tmp_path, parse):
    data = (
        '<?xml version="1.0"?><!-- made by hand --><svg xmlns="http://www.w3.org/2000/svg">'
        "<style>.a{}</style><text>drawn words</text></svg>"
    )
    path = tmp_path / "a.svg"
    path.write_text(data)
    found = inspect_file(path, path.name, ClassifyConfig())
    assert (found.kind, found.media_type) == ("html", "image/svg+xml")
    assert parse(data, "html").text == "drawn words"


def test_lists_are_numbered_as_a_browser_does(parse):
    items = "<ol start=4><li>a<li>b<ul><li>dot</ul><li value=9>c</ol><ol type=i><li>d<li>e</ol>"
    lines = ["4. a", "5. b", "dot", "9. c", "i. d", "ii. e"]
    assert parse(f"<body>{items}", "html").text.splitlines() == lines
    bare = '<ol style="list-style: none"><li>a</ol>'
    assert parse(f"<body>{bare}", "html").text == "a"


def test_ticks_are_read(parse):
    boxes = "<input type=checkbox checked> Agreed<br><input type=radio> Never"
    assert parse(f"<body>{boxes}", "html").text == "☒ Agreed\n☐ Never"


def test_a_word_is_whole_without_how_it_is_pronounced(parse):
    ruby = "<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp>字<rt>ji</ruby>で<p>next"
    assert parse(f"<body>{ruby}", "html").text == "漢字で (kanji)\nnext"


def test_lines_of_a_drawing_are_lines(parse):
    text = "<text><tspan x=0>one</tspan><tspan x=0 dy=9>t<tspan>w</tspan>o</tspan></text>"
    assert parse(f"<svg>{text}</svg>", "html").text == "one\ntwo"


def test_what_a_drawing_uses_of_its_definitions_is_read(parse):
    defined = "<defs><text id=a>stamp</text></defs>"
    assert parse(f"<svg>{defined}</svg>", "html").text == ""
    assert parse(f"<svg>{defined}<use href='#a'/></svg>", "html").text == "stamp"
