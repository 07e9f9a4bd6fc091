"""Loans of twelve documents with known faults: a contradiction, a missing document or page.

The documents are drawn (:mod:`lineal_cli.examples.loan_documents`), in names, wordings and orders
by chance. Their classes are taught by five others each. What is measured goes the way of the
stages: the class that the model gives, the fields of that class, the pages, and the package's rules
and risk. A loan is right if exactly its fault is found, and nothing in a loan without one.
"""

from __future__ import annotations

import json
import tempfile
import tomllib
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.measurement import Benchmark, Result
from lineal_cli.examples.loan_documents import (
    CLASSES,
    FAULTS,
    FIELD_FILES,
    PACKAGE_FILE,
    Loan,
    LoanDocument,
    draw_loan,
    example_document,
)
from lineal_consumers.fields.definition import ClassFields
from lineal_consumers.fields.extracting import Reading, extract_fields
from lineal_consumers.fields.memory import Memory
from lineal_consumers.nlp.analysis import analyze_text
from lineal_consumers.nlp.config import NlpConfig
from lineal_consumers.packages.checking import Findings, Member, check, score
from lineal_consumers.packages.definition import PackageDefinition
from lineal_consumers.packages.page_numbers import missing_pages
from lineal_consumers.retrain.config import DocumentsModel
from lineal_consumers.retrain.documents_learner import DOCUMENTS
from lineal_learning.documents.class_model import ClassModel
from lineal_learning.documents.terms import text_document
from lineal_learning.learner import LearningData
from lineal_schemas.models import DatasetItem, DatasetManifest
from lineal_schemas.objects import ObjectRef
from lineal_schemas.packages import PackageValue
from lineal_schemas.results import PAGE_SEPARATOR, Page, TextResult

_EXAMPLES = 5
_LOANS_OF_A_FAULT = 15
_FIRST_SEED = 5000
"""Seeds looked at while this was made are below 100."""
PACKAGE = PackageDefinition.model_validate(tomllib.loads(PACKAGE_FILE))
FIELDS = {
    name: ClassFields.model_validate(tomllib.loads(text)) for name, text in FIELD_FILES.items()
}


def taught_model() -> ClassModel:
    """A model of the nine classes, learnt of five drawn documents of each."""
    with tempfile.TemporaryDirectory() as folder:
        items, files = [], {}
        for name in CLASSES:
            for number in range(_EXAMPLES):
                text = example_document(name, number).encode()
                digest = sha256(text).hexdigest()
                files[digest] = Path(folder) / digest
                files[digest].write_bytes(text)
                ref = ObjectRef(
                    uri="file:", sha256=digest, bytes=len(text), media_type="text/plain"
                )
                items.append(
                    DatasetItem(
                        digest=digest, source=f"{name} {number}", time_us=0, label=name, ref=ref
                    )
                )
        manifest = DatasetManifest(model="documents", kind="documents", train=tuple(items), test=())
        fitted = DOCUMENTS.fit(LearningData(manifest, files), DocumentsModel(), "documents")
        return ClassModel(DOCUMENTS.export(fitted))


def member_of(document: LoanDocument, model: ClassModel) -> Member:
    """A document as the package sees it: its class, fields and pages as they are found."""
    text = document.text
    found_class = model.classify(text_document(text)).name
    values = {}
    declared = FIELDS.get(found_class)
    if declared is not None:
        pages, begin = [], 0
        for number, page in enumerate(text.split(PAGE_SEPARATOR), start=1):
            end = begin + len(page)
            pages.append(
                Page(number=number, begin=begin, end=end, width=0, height=0, source="parse")
            )
            begin = end + len(PAGE_SEPARATOR)
        result = TextResult(engines=(), text=text, pages=tuple(pages))
        reading = Reading.of(result, analyze_text(text, NlpConfig()))
        found = extract_fields(reading, declared, found_class, Memory())
        values = {
            one.name: PackageValue(value=one.value, box=one.box)
            for one in found.fields
            if one.value is not None
        }
    digest = sha256(text.encode()).hexdigest()
    fields = ObjectRef(uri="file:", sha256=digest, bytes=1, media_type="application/json")
    return Member(
        document_id=document.name, document_class=found_class, name=document.name, fields=fields,
        values=values, text=digest, missing_pages=missing_pages(text), added_us=0,
    )  # fmt: skip


def is_right(loan: Loan, findings: Findings) -> bool:
    """Whether exactly what is wrong with a loan was found."""
    broken = [one.rule for one in findings.broken]
    missing = [
        f"page {', '.join(map(str, part.pages))} of {part.document_class}"
        if part.pages
        else part.document_class + (f".{part.field}" if part.field else "")
        for part in findings.missing
    ]
    return broken == ([loan.broken] if loan.broken else []) and tuple(missing) == loan.missing


def measure() -> Sequence[Result]:
    """How many loans are judged as they are."""
    model = taught_model()
    right, passed = Counter[str](), Counter[str]()
    for number, fault in enumerate(FAULTS * _LOANS_OF_A_FAULT):
        loan = draw_loan(_FIRST_SEED + number, fault)
        members = [member_of(one, model) for one in loan.documents]
        findings = check(PACKAGE, members)
        right[fault] += is_right(loan, findings)
        risk = score(PACKAGE, members, findings, None).score
        passed[fault] += not findings.missing and risk < PACKAGE.risk.review_from
    total = len(FAULTS) * _LOANS_OF_A_FAULT
    print(f"  right of {_LOANS_OF_A_FAULT} each: {json.dumps(right)}; passed: {json.dumps(passed)}")
    faulty = sum(count for fault, count in passed.items() if fault != "none")
    return [
        Result("quality.packages", sum(right.values()) / total, "of loans", ">= 0.95"),
        Result(
            "quality.packages.passed_wrongly", faulty / (total - _LOANS_OF_A_FAULT), "of faulty",
            "<= 0.01",
        ),
    ]  # fmt: skip


BENCHMARKS = (
    Benchmark(
        ("quality.packages", "quality.packages.passed_wrongly"), measure, limit_s=300, timed=False
    ),
)
