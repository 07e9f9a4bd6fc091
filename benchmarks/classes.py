"""400 types of documents, taught by five examples each, and asked about in layouts never taught.

Examples and questions are PDFs (:mod:`benchmarks.document_types`), read by the engine of ``ocr``
and learnt by the learner that ``lineal class learn`` runs. The peer, TF-IDF and logistic regression
of scikit-learn, has the same texts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.document_types import ASKED_LAYOUTS, TAUGHT_LAYOUTS, TYPES, document, document_types
from benchmarks.measurement import Benchmark, Result
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.reading import read_part
from lineal_consumers.retrain.config import DocumentsModel
from lineal_consumers.retrain.documents_learner import DOCUMENTS
from lineal_learning.documents.class_model import UNKNOWN, ClassModel
from lineal_learning.documents.terms import ReadDocument, read_document
from lineal_learning.learner import LearningData
from lineal_schemas.documents import PageRange
from lineal_schemas.models import DatasetItem, DatasetManifest
from lineal_schemas.objects import ObjectRef

_EXAMPLES = 5
_COVERAGE = 0.9
_ERROR_RATE = 0.02


class Sample(NamedTuple):
    """A document that was read."""

    name: str
    file: Path

    @property
    def read(self) -> ReadDocument:
        return read_document(self.file.read_bytes())


def sample(folder: Path, number: int, layout: int, seed: int) -> Sample:
    """A document of a type, drawn and read."""
    pdf = folder / f"{number}-{layout}-{seed}.pdf"
    pdf.write_bytes(document(number, layout, seed))
    pages = PageRange(first=1, last=1, method="text-layer")
    file = folder / f"{number}-{layout}-{seed}.json.gz"
    file.write_bytes(read_part(str(pdf), "pdf", pages, OcrConfig()))
    pdf.unlink()
    return Sample(document_types()[number].name, file)


def _measure() -> Sequence[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        taught = [
            sample(folder, number, TAUGHT_LAYOUTS[seed % len(TAUGHT_LAYOUTS)], seed)
            for number in range(TYPES)
            for seed in range(_EXAMPLES)
        ]
        asked = [
            sample(folder, number, layout, 100)
            for number in range(TYPES)
            for layout in ASKED_LAYOUTS
        ]
        model = ClassModel(learnt(taught))
        return _compare(model, taught, asked)


def learnt(taught: Sequence[Sample]) -> bytes:
    """The model that is learnt of these."""
    items, files = [], {}
    for one in taught:
        digest = sha256(one.file.read_bytes()).hexdigest()
        ref = ObjectRef(uri="file:", sha256=digest, bytes=1, media_type="application/gzip")
        files[digest] = one.file
        items.append(
            DatasetItem(digest=digest, source=one.file.name, time_us=0, label=one.name, ref=ref)
        )
    manifest = DatasetManifest(model="documents", kind="documents", train=tuple(items), test=())
    fitted = DOCUMENTS.fit(LearningData(manifest, files), DocumentsModel(), "documents")
    print(f"  learnt by {fitted.algorithm}: {dict(fitted.metrics)}")
    return DOCUMENTS.export(fitted)


def _compare(
    model: ClassModel, taught: Sequence[Sample], asked: Sequence[Sample]
) -> Sequence[Result]:
    found = [model.classify(one.read) for one in asked]
    right = np.array([one.name == each.name for one, each in zip(found, asked, strict=True)])
    sure = np.array([0.0 if one.name == UNKNOWN else one.confidence for one in found])
    least = model.min_confidence(_ERROR_RATE)
    believed = (sure >= least) & (sure > 0)
    wrong = float((believed & ~right).mean())
    peer_right, peer_sure = _peer(taught, asked)
    ours, theirs = _at_coverage(right, sure), _at_coverage(peer_right, peer_sure)
    print(
        f"  all: {right.mean():.4f} (peer {peer_right.mean():.4f}); of the surest 90 %: {ours:.4f} "
        f"({theirs:.4f}); believed at 2 %: {believed.mean():.3f}, of all {wrong:.4f} wrongly"
    )
    peer = "TF-IDF and logistic regression of scikit-learn"
    goal = ">= 0.97 of the surest 90 %"
    return [
        Result("quality.classes", ours, "accuracy", goal, peer, theirs, ours / theirs),
        Result("quality.classes.error_rate", wrong, "of all, believed and wrong", "<= 0.02"),
        Result("quality.classes.believed", float(believed.mean()), "of all", "exists"),
    ]


def _at_coverage(right: Any, sure: Any) -> float:
    """Of the surest nine tenths, how many are right."""
    order = np.argsort(-sure, kind="stable")[: round(_COVERAGE * len(sure))]
    return float(right[order].mean())


def _peer(taught: Sequence[Sample], asked: Sequence[Sample]) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(sublinear_tf=True)
    matrix = vectorizer.fit_transform([one.read.text for one in taught])
    regression = LogisticRegression(C=10, max_iter=300)
    regression.fit(matrix, [one.name for one in taught])
    chances = regression.predict_proba(vectorizer.transform([s.read.text for s in asked]))
    names = regression.classes_[chances.argmax(axis=1)]
    right = np.array([name == s.name for name, s in zip(names, asked, strict=True)])
    return right, chances.max(axis=1)


BENCHMARKS = (
    Benchmark(
        ("quality.classes", "quality.classes.error_rate", "quality.classes.believed"),
        _measure,
        limit_s=600,
        timed=False,
    ),
)
