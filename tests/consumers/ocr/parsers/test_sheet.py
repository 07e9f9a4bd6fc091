"""Spreadsheets and CSV: rows as they are, sheets as pages, bounds on what a sheet claims."""

from __future__ import annotations

import csv
import datetime
import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineal.stages import Reject
from lineal_consumers.ocr.parsers.grid import tidy
from tests.long import examples

AG_NEWS = Path(__file__).parents[5] / "shared" / "data" / "ag_news" / "train_head_subset.csv"
CELL = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=8)


def _saved(workbook: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def test_every_sheet_is_a_page_with_a_table(parse):
    workbook = openpyxl.Workbook()
    workbook.worksheets[0].title = "Sales"
    workbook.worksheets[0].append(["Item", "Price"])
    workbook.worksheets[0].append(["Tea", 3.5])
    workbook.create_sheet("Costs").append(["Rent", 1000])
    result = parse(_saved(workbook), "sheet", pages=2)
    assert result.text == "Sales\nItem\tPrice\nTea\t3.5\fCosts\nRent\t1000"
    tables = [page.tables[0] for page in result.pages]
    assert [(table.title, table.rows) for table in tables] == [
        ("Sales", (("Item", "Price"), ("Tea", "3.5"))),
        ("Costs", (("Rent", "1000"),)),
    ]


def test_values_are_written_as_people_write_them(parse):
    workbook = openpyxl.Workbook()
    workbook.worksheets[0].append(
        [
            datetime.datetime(2024, 5, 1),
            datetime.datetime(2024, 5, 1, 9, 30),
            datetime.time(9, 30),
            2.0,
            0.25,
            True,
            "#N/A",
        ]
    )
    cells = parse(_saved(workbook), "sheet").pages[0].tables[0].rows[0]
    assert cells == ("2024-05-01", "2024-05-01 09:30:00", "09:30:00", "2", "0.25", "TRUE", "#N/A")


def test_a_cell_at_the_end_of_the_sheet_costs_nothing(parse):
    workbook = openpyxl.Workbook()
    workbook.worksheets[0]["A1"] = "first"
    workbook.worksheets[0]["B1048576"] = "last"
    table = parse(_saved(workbook), "sheet").pages[0].tables[0]
    assert table.rows == (("first", ""), ("", ""), ("", "last"))


def test_an_empty_sheet_is_a_page_without_a_table(parse):
    result = parse(_saved(openpyxl.Workbook()), "sheet")
    assert (result.text, result.pages[0].tables) == ("Sheet", ())


def test_a_sheet_that_would_fill_the_memory_is_rejected():
    rows = [["x"]] * 11 + [[""] * 499 + ["wide"]]
    with pytest.raises(Reject, match="at most 1,000 cells"):
        tidy(rows, max_cells=1000)
    assert len(tidy(rows, max_cells=12 * 500)) == 12


def test_a_damaged_workbook_is_rejected(parse):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(Reject, match="damaged"):
        parse(out.getvalue(), "sheet")


def test_an_open_document_spreadsheet_is_read(parse):
    names = "urn:oasis:names:tc:opendocument:xmlns"
    content = f"""<o:document-content xmlns:o="{names}:office:1.0" xmlns:t="{names}:table:1.0"
      xmlns:x="{names}:text:1.0"><o:body><o:spreadsheet><t:table t:name="Sales">
      <t:table-row><t:table-cell><x:p>Item</x:p></t:table-cell>
        <t:table-cell t:number-columns-repeated="2"><x:p>7</x:p></t:table-cell>
        <t:table-cell t:number-columns-repeated="16000"/></t:table-row>
      <t:table-row t:number-rows-repeated="1048576"><t:table-cell/></t:table-row>
      </t:table><t:table t:name="Empty"/></o:spreadsheet></o:body></o:document-content>"""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    result = parse(out.getvalue(), "sheet", pages=2)
    assert result.pages[0].tables[0].rows == (("Item", "7", "7"),)
    assert result.text == "Sales\nItem\t7\t7\fEmpty"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(parse, delimiter):
    source = f'name{delimiter}price\n"Tea{delimiter} green"{delimiter}3\nMilk{delimiter}1\n'
    result = parse(source, "sheet")
    assert result.pages[0].tables[0].rows == (
        ("name", "price"),
        (f"Tea{delimiter} green", "3"),
        ("Milk", "1"),
    )


def test_decimal_commas_do_not_delimit(parse):
    rows = parse("name;price\nTea;1,50\nMilk;0,99\n", "sheet").pages[0].tables[0].rows
    assert rows == (("name", "price"), ("Tea", "1,50"), ("Milk", "0,99"))


def test_commas_between_words_do_not_delimit(parse):
    source = "Müller, Ada;12,50;Köln, Dom\nSchäfer, Ben;3,75;Bonn, Markt\n"
    assert parse(source, "sheet").pages[0].tables[0].rows == (
        ("Müller, Ada", "12,50", "Köln, Dom"),
        ("Schäfer, Ben", "3,75", "Bonn, Markt"),
    )


def test_colons_delimit_where_nothing_else_does_and_not_in_times(parse):
    rows = parse("id:name:amount\n1:Ada:3\n2:Ben:4\n", "sheet").pages[0].tables[0].rows
    assert rows == (("id", "name", "amount"), ("1", "Ada", "3"), ("2", "Ben", "4"))
    assert parse("10:00\n11:30\n", "sheet").text == "10:00\n11:30"


def test_the_delimiter_that_excel_states_is_used(parse):
    assert parse("sep=;\na,b;c\n", "sheet").pages[0].tables[0].rows == (("a,b", "c"),)


def test_rows_of_different_length_are_filled_up(parse):
    assert parse("a,b,c\nd\n\n\n\ne,f\n", "sheet").pages[0].tables[0].rows == (
        ("a", "b", "c"),
        ("d", "", ""),
        ("", "", ""),
        ("e", "f", ""),
    )


def test_line_breaks_inside_cells_are_kept_in_the_table_only(parse):
    result = parse('a,b\n"one\ntwo",c\n', "sheet")
    assert result.pages[0].tables[0].rows[1] == ("one\ntwo", "c")
    assert result.text == "a\tb\none two\tc"


def test_real_news_are_read_row_by_row(parse):
    if not AG_NEWS.is_file():
        pytest.skip("the real CSV file is not on this machine")
    data = AG_NEWS.read_bytes()
    expected = sum(1 for row in csv.reader(io.StringIO(data.decode())) if row)
    table = parse(data, "sheet").pages[0].tables[0]
    assert len(table.rows) == expected
    assert len(table.rows[0]) == 3


@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.integers(2, 5).flatmap(
        lambda width: st.lists(
            st.lists(CELL.filter(bool), min_size=width, max_size=width), min_size=3, max_size=8
        )
    )
)
def test_what_csv_writes_is_read_back(parse, rows):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    read = parse(out.getvalue(), "sheet").pages[0].tables[0].rows
    assert [list(row) for row in read] == rows
