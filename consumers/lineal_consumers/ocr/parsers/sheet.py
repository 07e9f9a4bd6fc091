"""XLSX workbooks, read row by row: every sheet a page and a table."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineal_consumers.ocr.parsers.grid import tidy
from lineal_consumers.ocr.parsers.parsed import (
    Parsed,
    ParsedPage,
    check_amount,
    engine,
    row_line,
    table,
)

if TYPE_CHECKING:
    from openpyxl import Workbook


def read_workbook(path: Path) -> Parsed:
    """All sheets, hidden ones too, in their order; chart sheets are pages without text.

    Formulas give the values that were stored with them when the workbook was saved.
    """
    from openpyxl import load_workbook

    with warnings.catch_warnings(), path.open("rb") as file:
        # Openpyxl warns of every style and extension that it does not write back.
        warnings.simplefilter("ignore")
        workbook = load_workbook(file, read_only=True, data_only=True)
        try:
            pages = list(_pages(workbook))
        finally:
            workbook.close()
    return Parsed(engine("openpyxl"), pages)


def _pages(workbook: Workbook) -> Iterator[ParsedPage]:
    characters = 0
    for sheet in workbook:
        if not hasattr(sheet, "iter_rows"):
            yield ParsedPage(sheet.title)
            continue
        if hasattr(sheet, "reset_dimensions"):
            # The range a sheet claims to use is often wrong, in both directions.
            sheet.reset_dimensions()
        rows = tidy(_written(row) for row in sheet.iter_rows(values_only=True))
        page = ParsedPage("\n".join([sheet.title, *map(row_line, rows)]))
        if rows:
            page.tables.append(table(rows, sheet.title))
        characters += len(page.text)
        check_amount(characters)
        yield page


def _written(row: tuple[Any, ...]) -> list[str]:
    return [_cell(value) for value in row]


def _cell(value: Any) -> str:
    """A cell's value as text: dates in ISO 8601, whole numbers without a fraction."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case datetime.datetime():
            return value.isoformat(" ", "seconds")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)
