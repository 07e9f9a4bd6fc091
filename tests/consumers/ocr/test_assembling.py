"""Parts join to one result with all offsets right, and the CSV has the sections it promises."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from lineal_catalog.documents.csv_export import CsvExport
from lineal_consumers.ocr.assembling import assemble_parts
from lineal_schemas.documents import DocumentKind
from lineal_schemas.results import Engine, KeyValue, Page, Table, TextResult, Word

ENGINE = Engine(name="test", version="1")


def part(first: int, texts: list[str]) -> TextResult:
    """A part of pages with these texts, one word each."""
    pages, begin = [], 0
    for number, text in enumerate(texts, first):
        words = (Word(begin, begin + len(text), 1.0, 0, 0, 0, 0, 0),) if text else ()
        pages.append(
            Page(
                number=number,
                begin=begin,
                end=begin + len(text),
                width=0,
                height=0,
                source="text-layer",
                words=words,
                doubts=("faint",) if text == "faint" else (),
            )
        )
        begin += len(text) + 1
    return TextResult(engines=(ENGINE,), text="\f".join(texts), pages=tuple(pages))


def assemble(parts: list[TextResult], kind: DocumentKind = "pdf") -> TextResult:
    made = assemble_parts("unused", kind, [result.to_gzip() for result in parts])
    assert made.text.decode() == TextResult.from_gzip(made.result).text
    assert [doubt.page for doubt in made.doubts] == [
        page.number for result in parts for page in result.pages if page.doubts
    ]
    return TextResult.from_gzip(made.result)


texts = st.text(st.characters(categories=("L", "N", "So")), max_size=6) | st.just("faint")


@given(st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=4))
def test_joined_parts_are_what_joining_their_results_gives(
    tmp_path_factory: object, groups: list[list[str]]
) -> None:
    parts, first = [], 1
    for group in groups:
        parts.append(part(first, group))
        first += len(group)
    joined = assemble(parts)
    assert joined == TextResult.join(parts)
    for page, text in zip(joined.pages, (t for group in groups for t in group), strict=True):
        assert joined.text[page.begin : page.end] == text
        assert [joined.text[word.begin : word.end] for word in page.words] == [text][: bool(text)]


def page_with(number: int, pairs: tuple[KeyValue, ...], tables: tuple[Table, ...]) -> Page:
    return Page(
        number=number,
        begin=0,
        end=0,
        width=0,
        height=0,
        source="parse",
        key_values=pairs,
        tables=tables,
    )


def test_the_csv_has_key_values_then_each_table_with_an_empty_line_between() -> None:
    export = CsvExport("pdf")
    table = Table(rows=(("a", 'b "quoted"'), ("c\nd", "1,5")), confidence=1)
    pair = KeyValue(key="Name", value="Doe, Jane", confidence=0.98765)
    export.add(page_with(1, (), (table,)))
    export.add(page_with(2, (pair,), (table,)))
    data = export.to_bytes()
    assert data is not None
    rows = list(csv.reader(io.StringIO(data.decode())))
    assert rows == [
        ["page", "key", "value", "confidence"],
        ["2", "Name", "Doe, Jane", "0.988"],
        [],
        ["a", 'b "quoted"'],
        ["c\nd", "1,5"],
        [],
        ["a", 'b "quoted"'],
        ["c\nd", "1,5"],
    ]


def test_a_spreadsheet_gives_its_rows_and_nothing_else() -> None:
    export = CsvExport("sheet")
    export.add(page_with(1, (), (Table(rows=(("x", "y"),), confidence=1, title="Sheet1"),)))
    assert export.to_bytes() == b"x,y\n"


def test_nothing_to_write_is_no_csv() -> None:
    export = CsvExport("pdf")
    export.add(page_with(1, (), ()))
    assert export.to_bytes() is None
