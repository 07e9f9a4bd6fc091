"""A text classifier before and after an iteration: AG News.

The documents are not part of this repository; ``LINEAL_AG_NEWS`` names another folder. Before: a
model of the 581 labelled documents at the head of the training set. After: 2,800 more have been
labelled. Both are evaluated on the same 1,000 documents, which neither has seen. The rules for
kinds of document (invoice, letter, ...) do not know these classes and score nothing here.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measurement import Benchmark, Result
from lineal_consumers.retrain.text_classifier import train_text_classifier
from lineal_learning.documents.class_model import ClassModel
from lineal_learning.documents.terms import text_document

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "ag_news"
EVALUATED = 1000


def read_documents(file: Path) -> tuple[list[str], list[str]]:
    """Texts and their class names, from a CSV of class number, title and description."""
    names = (file.parent / "classes.txt").read_text().split("\n")
    with file.open(newline="") as lines:
        rows = list(csv.reader(lines))
    texts = [f"{title}\n{text}".replace("\\", " ") for _, title, text in rows]
    return texts, [names[int(number) - 1] for number, _, _ in rows]


def accuracy(model: bytes, texts: Sequence[str], labels: Sequence[str]) -> float:
    """The share of documents whose class is found, 0 to 1."""
    classifier = ClassModel(model)
    found = [classifier.classify(text_document(text)).name for text in texts]
    return sum(name == label for name, label in zip(found, labels, strict=True)) / len(labels)


def _measure() -> Sequence[Result]:
    folder = Path(os.environ.get("LINEAL_AG_NEWS") or FOLDER)
    if not folder.is_dir():
        print(f"  no folder {folder}: AG News is not measured")
        return []
    first, first_labels = read_documents(folder / "train_head_subset.csv")
    more, more_labels = read_documents(folder / "part1.csv")
    evaluated, evaluated_labels = more[-EVALUATED:], more_labels[-EVALUATED:]
    more, more_labels = more[:-EVALUATED], more_labels[:-EVALUATED]
    before = train_text_classifier(first, first_labels)
    after = train_text_classifier([*first, *more], [*first_labels, *more_labels])
    accuracy_before = accuracy(before.data, evaluated, evaluated_labels)
    accuracy_after = accuracy(after.data, evaluated, evaluated_labels)
    print(f"  before: {len(first)} documents, {before.learner}, {accuracy_before:.3f}")
    print(f"  after: {len(first) + len(more)} documents, {after.learner}, {accuracy_after:.3f}")
    return [
        Result(
            "quality.ag_news",
            accuracy_after,
            "accuracy",
            "above before",
            "before the iteration",
            accuracy_before,
            accuracy_after / accuracy_before,
        )
    ]


BENCHMARKS = (Benchmark(("quality.ag_news",), _measure, timed=False),)
