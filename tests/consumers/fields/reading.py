"""Reads generated invoices as the stages do."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.invoices import invoice
from lineal_consumers.fields.invoice import INVOICE
from lineal_consumers.fields.memory import Example
from lineal_consumers.fields.teaching import ExampleFile, example_of
from lineal_consumers.nlp.analysis import analyze_text
from lineal_consumers.nlp.config import NlpConfig
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.reading import read_part
from lineal_schemas.documents import PageRange
from lineal_schemas.fields import ExtractedField, FieldValues
from lineal_schemas.results import Analysis, TextResult


@cache
def read_invoice(layout: int, number: int) -> tuple[TextResult, Analysis]:
    """An invoice with a text layer, and what the analysis finds in it."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "invoice.pdf"
        file.write_bytes(invoice(layout, number).pdf)
        pages = PageRange(first=1, last=1, method="text-layer")
        result = TextResult.from_gzip(read_part(str(file), "pdf", pages, OcrConfig()))
    return result, analyze_text(result.text, NlpConfig())


def example(layout: int, number: int, **said: str) -> Example:
    """What an invoice teaches of which a person has said these fields, or all."""
    values = said or invoice(layout, number).values
    result, analysis = read_invoice(layout, number)
    people = FieldValues(
        document_class="invoice",
        fields=tuple(
            ExtractedField(
                name=name, type=INVOICE.fields[name].type, value=value or None, source="person"
            )
            for name, value in values.items()
        ),
    )
    name = f"{layout}-{number}"
    made = example_of(name, people, INVOICE, result.to_gzip(), analysis.to_gzip())
    return ExampleFile.from_gzip(made).example
