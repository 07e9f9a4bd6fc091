"""The numbers that Word shows before paragraphs and stores nowhere are in the text."""

from __future__ import annotations

import pytest

from tests.consumers.ocr.parsers.packages import W, word

LEVELS = (
    '<w:lvl w:ilvl="0"><w:start w:val="4"/><w:numFmt w:val="{}"/>'
    '<w:lvlText w:val="Article %1."/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/>'
    '<w:lvlText w:val="%1.%2)"/></w:lvl>'
)
NUMS = (
    '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    '<w:num w:numId="2"><w:abstractNumId w:val="0"/>'
    '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="9"/></w:lvlOverride></w:num>'
)
STYLES = (
    '<w:style w:styleId="Base"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    '<w:style w:styleId="Heading"><w:basedOn w:val="Base"/></w:style>'
)


def numbered(text: str, level: int = 0, number: int = 1) -> str:
    place = f'<w:ilvl w:val="{level}"/><w:numId w:val="{number}"/>'
    return f"<w:p><w:pPr><w:numPr>{place}</w:numPr></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def document(body: str, format: str = "decimal") -> bytes:
    lists = f'<w:abstractNum w:abstractNumId="0">{LEVELS.format(format)}</w:abstractNum>{NUMS}'
    return word(
        body,
        numbering=("numbering.xml", f'<w:numbering xmlns:w="{W}">{lists}</w:numbering>'),
        styles=("styles.xml", f'<w:styles xmlns:w="{W}">{STYLES}</w:styles>'),
    )


def test_paragraphs_are_counted_by_level(parse):
    body = (
        numbered("Term") + numbered("first", 1) + numbered("second", 1) + numbered("Price")
        + numbered("again", 1) + numbered("Anew", 0, 2)
    )  # fmt: skip
    assert parse(document(body), "word").text.splitlines() == [
        "Article 4. Term", "4.a) first", "4.b) second", "Article 5. Price", "5.a) again",
        "Article 9. Anew",
    ]  # fmt: skip


def test_a_style_numbers_its_paragraphs(parse):
    body = '<w:p><w:pPr><w:pStyle w:val="Heading"/></w:pPr><w:r><w:t>Term</w:t></w:r></w:p>'
    assert parse(document(body * 2), "word").text == "Article 4. Term\nArticle 5. Term"


@pytest.mark.parametrize(
    ("format", "label"),
    [("upperRoman", "Article IV."), ("upperLetter", "Article D."), ("decimalZero", "Article 04.")],
)
def test_numbers_are_written_as_the_list_says(parse, format, label):
    assert parse(document(numbered("x"), format), "word").text == f"{label} x"


def test_bullets_add_nothing(parse):
    assert parse(document(numbered("x"), "bullet"), "word").text == "x"


def check_box(state: str) -> str:
    return (
        f"<w:r><w:fldChar><w:ffData><w:checkBox>{state}</w:checkBox></w:ffData></w:fldChar></w:r>"
    )


def test_check_boxes_and_symbols_are_shown(parse):
    checked, empty = check_box('<w:default w:val="1"/>'), check_box('<w:checked w:val="0"/>')
    body = (
        f"<w:p>{checked}<w:r><w:t>agreed</w:t></w:r></w:p>"
        f"<w:p>{empty}<w:r><w:t>refused</w:t></w:r></w:p>"
        '<w:p><w:r><w:sym w:font="Segoe UI Symbol" w:char="2611"/><w:t> done</w:t></w:r></w:p>'
    )
    assert parse(word(body), "word").text == "☒ agreed\n☐ refused\n☑ done"
