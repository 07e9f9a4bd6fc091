"""XLSX as a person sees it: formats, formulas, what stands beside the cells, variants."""

from __future__ import annotations

import pytest

from lineal.stages import Reject
from lineal_consumers.ocr.parsers.number_format import format_number
from tests.consumers.ocr.parsers.packages import A, S, workbook


def _cell(value: str, *, kind: str = "n", style: int = 0, formula: str = "") -> str:
    formula = f"<f>{formula}</f>" if formula else ""
    stored = f"<v>{value}</v>" if value else ""
    return f'<c t="{kind}" s="{style}">{formula}{stored}</c>'


@pytest.mark.parametrize("strict", [False, True])
def test_numbers_are_shown_in_their_formats(parse, strict):
    codes = ["00000", "0%", "[h]:mm", '#,##0.00 "EUR"', "@"]
    formats = "".join(
        f'<numFmt numFmtId="{200 + at}" formatCode="{code.replace(chr(34), "&quot;")}"/>'
        for at, code in enumerate(codes)
    )
    cells = "".join(f'<xf numFmtId="{200 + at}"/>' for at in range(len(codes)))
    styles = f"<numFmts>{formats}</numFmts><cellXfs><xf/>{cells}</cellXfs>"
    values = ["123", "0.25", "1.25", "1234.5", "00123"]
    row = "".join(_cell(value, style=at) for at, value in enumerate(values, 1))
    data = workbook(f"<row>{row}</row>", styles=styles, strict=strict)
    assert parse(data, "sheet").pages[0].tables[0].rows == (
        ("00123", "25%", "30:00", "1,234.50 EUR", "123"),
    )


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (0.1 + 0.2, "", "0.3"), (1234567.0, "#,##0", "1,234,567"), (-5.5, "0.0;(0.0)", "(5.5)"),
        (-0.001, "0.00", "0.00"), (0, '0;-0;"none"', "none"), (1e6, '0.0,,"M"', "1.0M"),
        (45356, "dd/mm/yyyy", "2024-03-05"), (45356.5, "d.m.yy h:mm", "2024-03-05 12:00"),
        (0.5, "h:mm:ss", "12:00:00"), (1.5, "[mm]:ss", "2160:00"), (0.5, "# ?/?", "1/2"),
        (12345.678, "0.00E+00", "1.23E+04"), (44, "[$€-407] 0.00", "€ 44.00"),
        (5, "[Red]0", "5"), (45356, "mmm yyyy", "2024-03"), (2.5, "0", "3"),
        (7, '"No. "0', "No. 7"), (2, '[=1]"yes";[=2]"two";General', "two"),
        (3, '[=1]"yes";[=2]"two";General', "3"), (1500, '[>=1000]0.0,"k";0', "1.5k"),
        (-4, '[<0]"minus" 0;0', "minus 4"), (-1.25, "[h]:mm;-[h]:mm", "-30:00"),
    ],
)  # fmt: skip
def test_format_codes(value, code, text):
    assert format_number(value, code) == text


def test_a_format_puts_words_around_a_text(parse):
    styles = (
        '<numFmts><numFmt numFmtId="200" formatCode="0;0;0;@&quot; Ltd&quot;"/></numFmts>'
        '<cellXfs><xf/><xf numFmtId="200"/></cellXfs>'
    )
    cells = '<c s="1" t="inlineStr"><is><t>Acme</t></is></c><c t="inlineStr"><is><t>b</t></is></c>'
    data = workbook(f"<row>{cells}</row>", styles=styles)
    assert parse(data, "sheet").text.endswith("Acme Ltd\tb")


def test_a_formula_without_a_value_is_shown_and_a_doubt(parse):
    data = workbook(f"<row>{_cell('6', formula='A2*2')}{_cell('', formula='B2*C2')}</row>")
    page = parse(data, "sheet").pages[0]
    assert page.tables[0].rows == (("6", "=B2*C2"),)
    assert "no stored value" in page.doubts[0]


def test_comments_shapes_and_headers_are_read(parse):
    comments = (
        f'<comments xmlns="{S}"><commentList><comment ref="B2"><text><r><t>check this</t></r>'
        "</text></comment></commentList></comments>"
    )
    drawing = (
        f'<d:wsDr xmlns:d="urn:d" xmlns:a="{A}"><d:sp><d:txBody><a:p><a:r><a:t>in a box</a:t></a:r>'
        "</a:p></d:txBody></d:sp></d:wsDr>"
    )
    rows = (
        f"<row>{_cell('1')}</row></sheetData><headerFooter><oddHeader>&amp;LACME&amp;P</oddHeader>"
    )
    data = workbook(
        f"{rows}</headerFooter><sheetData>",
        comments_1=("comments.xml", comments),
        drawing_1=("drawing.xml", drawing),
    )
    lines = parse(data, "sheet").text.splitlines()
    assert sorted(lines) == sorted(["One", "ACME", "1", "in a box", "B2: check this"])


def test_a_row_far_down_costs_nothing_and_a_column_that_cannot_be_is_rejected(parse):
    far = '<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>'
    assert parse(workbook(far), "sheet").text == "One\n1"
    with pytest.raises(Reject, match="columns"):
        parse(workbook('<row><c r="ZZZ1"><v>1</v></c></row>'), "sheet")


def test_a_sheet_that_is_missing_is_a_doubt(parse):
    data = workbook("").replace(b"xl/sheet.xml", b"xl/other.xml")
    assert "missing" in parse(data, "sheet").pages[0].doubts[0]
