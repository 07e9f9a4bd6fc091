"""Files that hold several documents: boundaries found, beside those there are.

Twenty stacks of twenty documents of one to five pages (:mod:`benchmarks.document_types`), a third
of them followed by another of the same type, in layouts that were not used to weigh the signals of
``split``. Half of the documents have page numbers; letterheads stand on first pages alone. Measured
without a model of classes, and with one that was taught 100 of the 400 types, of which half of the
documents are.
"""

from __future__ import annotations

import io
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.classes import learnt, sample
from benchmarks.document_types import ASKED_LAYOUTS, TAUGHT_LAYOUTS, TYPES, draw
from benchmarks.measurement import Benchmark, Result
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.reading import read_part
from lineal_consumers.split.boundaries import boundaries
from lineal_consumers.split.config import SplitConfig
from lineal_learning.documents.class_model import ClassModel
from lineal_learning.documents.terms import ReadDocument, read_document
from lineal_schemas.documents import PageRange

_STACKS = 20
_DOCUMENTS = 20
KNOWN = 100
"""Types that the model of classes was taught."""


class Stack(NamedTuple):
    """A file of several documents."""

    read: ReadDocument
    begins: frozenset[int]
    """Pages with which documents begin, from 1."""


def stack(folder: Path, seed: int, layouts: Sequence[int]) -> Stack:
    """A stack of documents, drawn and read."""
    from reportlab.pdfgen.canvas import Canvas

    chance = random.Random(f"stack {seed}")
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=True)
    at, begins, number = 1, set(), 0
    for document in range(_DOCUMENTS):
        if document == 0 or chance.random() > 1 / 3:
            number = chance.randrange(KNOWN) if chance.random() < 0.5 else chance.randrange(TYPES)
        pages = chance.choice((1, 1, 2, 2, 3, 4, 5))
        begins.add(at)
        draw(canvas, number, chance.choice(tuple(layouts)), 1000 * seed + document, pages)
        at += pages
    canvas.save()
    pdf = folder / f"stack-{seed}.pdf"
    pdf.write_bytes(out.getvalue())
    pages_of = PageRange(first=1, last=at - 1, method="text-layer")
    read = read_document(read_part(str(pdf), "pdf", pages_of, OcrConfig()))
    return Stack(read, frozenset(begins))


def class_model(folder: Path) -> ClassModel:
    """A model that was taught some of the types."""
    taught = [
        sample(folder, number, TAUGHT_LAYOUTS[seed % len(TAUGHT_LAYOUTS)], seed)
        for number in range(KNOWN)
        for seed in range(5)
    ]
    return ClassModel(learnt(taught))


def _measure() -> Sequence[Result]:
    sure = SplitConfig().sure
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stacks = [stack(folder, 500 + seed, ASKED_LAYOUTS) for seed in range(_STACKS)]
        results = []
        for line, model in (
            ("quality.splitting", class_model(folder)),
            ("quality.splitting.without_classes", None),
        ):
            found = right = there = doubtful = pages = 0
            for one in stacks:
                chances = boundaries(one.read, model)
                begins = {page for page, chance in enumerate(chances, 2) if chance >= 0.5}
                doubtful += sum(1 - sure < chance < sure for chance in chances)
                pages += len(chances)
                truth = one.begins - {1}
                found, there = found + len(begins), there + len(truth)
                right += len(begins & truth)
            f1 = 2 * right / (found + there)
            print(
                f"  {line}: precision {right / found:.4f}, recall {right / there:.4f}, "
                f"{doubtful / pages:.3f} of {pages} pages doubtful"
            )
            results.append(Result(line, f1, "F1 of boundaries", ">= 0.95"))
    return results


BENCHMARKS = (
    Benchmark(
        ("quality.splitting", "quality.splitting.without_classes"),
        _measure,
        limit_s=300,
        timed=False,
    ),
)
