"""Fields of invoices and forms in layouts that were not looked at while labels and weights were
chosen.

Every second layout is a scan: 200 dots an inch, slightly turned, with noise. An invoice whose class
is not recognised has no right field. People correct only what is wrong. The functions are those
that the stages call in their worker processes, with the settings that are there without any file.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.forms import FORM, form
from benchmarks.invoices import invoice
from benchmarks.measurement import Benchmark, Result
from lineal_consumers.fields.definition import ClassFields, FieldDefinition
from lineal_consumers.fields.extracting import Reading, extract_fields
from lineal_consumers.fields.invoice import INVOICE
from lineal_consumers.fields.marks import find_marks
from lineal_consumers.fields.memory import Example, Memory
from lineal_consumers.fields.teaching import ExampleFile, example_of
from lineal_consumers.nlp.analysis import analyze_text
from lineal_consumers.nlp.config import NlpConfig
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.reading import read_part
from lineal_schemas.documents import DocumentKind, PageRange
from lineal_schemas.fields import ExtractedField, FieldValues
from lineal_schemas.results import Analysis, TextResult

LAYOUTS = range(1000, 1020)
"""Those looked at while choosing were 0 to 59."""
_CORRECTED = 5
_NEXT = 9
TEXTRACT = Path(__file__).parents[2] / "shared" / "data" / "textract_sample" / "SampleInput.png"
APPLICATION = ClassFields(
    fields={
        "full_name": FieldDefinition(type="text", labels=("full name",)),
        "phone": FieldDefinition(type="text", labels=("phone number",)),
        "home_address": FieldDefinition(type="text", labels=("home address",)),
        "mailing_address": FieldDefinition(type="text", labels=("mailing address",)),
    }
)
APPLICANT = {
    "full_name": "Jane Doe",
    "phone": "555-0100",
    "home_address": "123 Any Street, Any Town, USA",
    "mailing_address": "Same as home address",
}


class Read(NamedTuple):
    """An invoice as it was read, and what reading and analysing it took."""

    result: TextResult
    analysis: Analysis
    seconds: float


def read(layout: int, number: int) -> Read:
    """Read an invoice: from its text layer, or where its layout's number is odd as a scan."""
    pdf = invoice(layout, number).pdf
    if layout % 2:
        return read_file(_scan(pdf, layout * 100 + number), "image", "png")
    return read_file(pdf, "pdf", "pdf")


def read_file(data: bytes, kind: DocumentKind, suffix: str) -> Read:
    """Read a file of one page as the stages do."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"page.{suffix}"
        file.write_bytes(data)
        pages = PageRange(first=1, last=1, method="text-layer" if kind == "pdf" else "ocr")
        began = time.process_time()
        result = TextResult.from_gzip(read_part(str(file), kind, pages, OcrConfig()))
        analysis = analyze_text(result.text, NlpConfig())
        return Read(result, analysis, time.process_time() - began)


def _scan(pdf: bytes, seed: int) -> bytes:
    import pypdfium2
    from PIL import Image

    page = pypdfium2.PdfDocument(pdf)[0]
    image = page.render(scale=200 / 72, grayscale=True).to_pil()
    chosen = np.random.default_rng(seed)
    turned = image.rotate(float(chosen.uniform(-0.7, 0.7)), Image.Resampling.BICUBIC, fillcolor=255)
    pixels = np.asarray(turned, np.float32) * 0.9 + 12
    pixels += chosen.normal(0, 9, pixels.shape)
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "PNG", dpi=(200, 200))
    return out.getvalue()


def found(known: Read, memory: Memory) -> FieldValues | None:
    """The fields of an invoice; None where it was not recognised as one."""
    if known.analysis.document_class.name != "invoice":
        return None
    reading = Reading.of(known.result, known.analysis)
    return extract_fields(reading, INVOICE, "invoice", memory)


def right(values: FieldValues | None, truth: dict[str, str]) -> int:
    """How many fields are as they should be."""
    known = {} if values is None else {field.name: field.value for field in values.fields}
    return sum(known.get(name) == value for name, value in truth.items())


def corrected(layout: int, number: int, memory: Memory) -> Example | None:
    """What a person teaches who corrects what is wrong on an invoice; None: nothing is."""
    known, truth = read(layout, number), invoice(layout, number).values
    values = found(known, memory)
    if values is None:
        return None
    wrong = tuple(
        field.model_copy(update={"value": truth.get(field.name), "source": "person"})
        for field in values.fields
        if field.value != truth.get(field.name)
    )
    if not wrong:
        return None
    said = FieldValues(document_class="invoice", fields=wrong)
    name = f"{layout}-{number}"
    made = example_of(name, said, INVOICE, known.result.to_gzip(), known.analysis.to_gzip())
    return ExampleFile.from_gzip(made).example


def measure() -> Sequence[Result]:
    """Fields before corrections, after one, and after five of the same supplier."""
    counts = {0: 0, 1: 0, _CORRECTED: 0}
    total = 0
    shares = []
    for layout in LAYOUTS:
        truth = invoice(layout, _NEXT).values
        upcoming = read(layout, _NEXT)
        total += len(truth)
        memory = Memory()
        for number in range(_CORRECTED + 1):
            if number in counts:
                began = time.process_time()
                values = found(upcoming, memory)
                spent = time.process_time() - began
                counts[number] += right(values, truth)
                if layout % 2:
                    shares.append(upcoming.seconds / (upcoming.seconds + spent))
            example = corrected(layout, number, memory) if number < _CORRECTED else None
            if example is not None:
                memory = Memory(examples=(*memory.examples, example))

    def line(name: str, count: int, goal: str) -> Result:
        return Result(name=name, value=count / total, unit="of fields", goal=goal)

    return [
        line("quality.fields_before", counts[0], ">= 0.85"),
        line("quality.fields", counts[1], ">= 0.95"),
        line("quality.fields_after_five", counts[_CORRECTED], ">= 0.95"),
        Result(
            name="understanding.pages",
            value=statistics.median(shares),
            unit="of the pages a second of reading alone",
            goal=">= 0.8",
        ),
    ]


class ReadForm(NamedTuple):
    """A form as it was read, with the marks that are on it, and what has to be found."""

    known: Read
    marks: dict[str, ExtractedField]
    truth: dict[str, str | None]
    """None: the form has the field, and it was left empty."""

    def fields(self, memory: Memory) -> FieldValues:
        """Its fields; that it is an application is said."""
        reading = Reading.of(self.known.result, self.known.analysis)
        return extract_fields(reading, FORM, "application", memory, self.marks)

    def wrong(self, values: FieldValues) -> tuple[ExtractedField, ...]:
        """The fields whose values are not right, as a person corrects them."""
        return tuple(
            field.model_copy(update={"value": self.truth[field.name], "source": "person"})
            for field in values.fields
            if field.name in self.truth and field.value != self.truth[field.name]
        )


def read_form(layout: int, number: int) -> ReadForm:
    """Read a form: from its text layer, or where its layout's number is odd as a scan."""
    made = form(layout, number)
    scanned = layout % 2 == 1
    data = _scan(made.pdf, layout * 100 + number) if scanned else made.pdf
    kind: DocumentKind = "image" if scanned else "pdf"
    known = read_file(data, kind, "png" if scanned else "pdf")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "form"
        file.write_bytes(data)
        marks = find_marks(file, kind, known.result.to_gzip(), FORM)
    return ReadForm(known, marks, dict(made.values) | dict.fromkeys(made.left_empty))


def measure_forms(layouts: Sequence[int] = LAYOUTS) -> Sequence[Result]:
    """Fields of forms before corrections, after one, and after five of the same form."""
    counts = {0: 0, 1: 0, _CORRECTED: 0}
    total = 0
    for layout in layouts:
        upcoming = read_form(layout, _NEXT)
        total += len(upcoming.truth)
        memory = Memory()
        for number in range(_CORRECTED + 1):
            if number in counts:
                counts[number] += len(upcoming.truth) - len(upcoming.wrong(upcoming.fields(memory)))
            if number < _CORRECTED:
                memory = _taught_form(layout, number, memory)
    names = {0: "quality.fields_forms_before", 1: "quality.fields_forms",
             _CORRECTED: "quality.fields_forms_after_five"}  # fmt: skip
    return [
        Result(name, counts[number] / total, "of fields", ">= 0.85" if number == 0 else ">= 0.95")
        for number, name in names.items()
    ]


def _taught_form(layout: int, number: int, memory: Memory) -> Memory:
    """The memory with what a person teaches who corrects what is wrong on a form."""
    known = read_form(layout, number)
    wrong = known.wrong(known.fields(memory))
    if not wrong:
        return memory
    said = FieldValues(document_class="application", fields=wrong)
    made = example_of(
        f"{layout}-{number}", said, FORM, known.known.result.to_gzip(),
        known.known.analysis.to_gzip(),
    )  # fmt: skip
    return Memory(examples=(*memory.examples, ExampleFile.from_gzip(made).example))


def measure_form() -> Sequence[Result]:
    """The fields of the sample of Amazon Textract."""
    if not TEXTRACT.is_file():
        raise FileNotFoundError("the sample of Amazon Textract is not there")
    known = read_file(TEXTRACT.read_bytes(), "image", "png")
    reading = Reading.of(known.result, known.analysis)
    values = extract_fields(reading, APPLICATION, "form", Memory())
    share = right(values, APPLICANT) / len(APPLICANT)
    return [Result(name="quality.fields_form", value=share, unit="of fields", goal="1")]


BENCHMARKS = (
    Benchmark(
        (
            "quality.fields_before", "quality.fields", "quality.fields_after_five",
            "understanding.pages",
        ),
        measure, limit_s=600, timed=False,
    ),
    Benchmark(
        (
            "quality.fields_forms_before", "quality.fields_forms",
            "quality.fields_forms_after_five",
        ),
        measure_forms, limit_s=600, timed=False,
    ),
    Benchmark(("quality.fields_form",), measure_form, timed=False),
)  # fmt: skip
