"""Classes that are learnt of texts before and after an iteration: AG News.

The documents are not part of this repository; ``LINEAL_AG_NEWS`` names another folder. Before: a
model of the 581 labelled documents at the head of the training set. After: 2,800 more have been
labelled. Both are learnt and evaluated by the learner that ``lineal class learn`` runs, on the same
1,000 documents, which neither has seen. The rules for kinds of document (invoice, letter, ...) do
not know these classes and score nothing here.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.measurement import Benchmark, Result
from lineal_consumers.retrain.config import DocumentsModel
from lineal_consumers.retrain.documents_learner import DOCUMENTS
from lineal_learning.learner import LearningData
from lineal_schemas.models import DatasetItem, DatasetManifest, Metrics
from lineal_schemas.objects import ObjectRef

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "ag_news"
EVALUATED = 1000


def read_documents(file: Path) -> tuple[list[str], list[str]]:
    """Texts and their class names, from a CSV of class number, title and description."""
    names = (file.parent / "classes.txt").read_text().split("\n")
    with file.open(newline="") as lines:
        rows = list(csv.reader(lines))
    texts = [f"{title}\n{text}".replace("\\", " ") for _, title, text in rows]
    return texts, [names[int(number) - 1] for number, _, _ in rows]


def _files(folder: Path, texts: Sequence[str], labels: Sequence[str]) -> LearningData:
    """Labelled texts as an iteration is given them, all to learn from."""
    items, files = [], {}
    for number, (text, label) in enumerate(zip(texts, labels, strict=True)):
        data = text.encode()
        digest = sha256(data).hexdigest()
        files[digest] = folder / digest
        files[digest].write_bytes(data)
        ref = ObjectRef(uri="file:", sha256=digest, bytes=len(data), media_type="text/plain")
        items.append(
            DatasetItem(digest=digest, source=str(number), time_us=0, label=label, ref=ref)
        )
    manifest = DatasetManifest(model="documents", kind="documents", train=tuple(items), test=())
    return LearningData(manifest, files)


def _iteration(train: LearningData, test: LearningData) -> Metrics:
    """What a model that is learnt of these is worth on those."""
    settings = DocumentsModel()
    fitted = DOCUMENTS.fit(train, settings, "documents")
    manifest = train.manifest.model_copy(update={"test": test.manifest.train})
    data = LearningData(manifest, {**train.files, **test.files})
    metrics = DOCUMENTS.evaluate(DOCUMENTS.export(fitted), data, settings)
    print(f"  {len(manifest.train)} documents by {fitted.algorithm}: {dict(metrics)}")
    return metrics


def _measure() -> Sequence[Result]:
    folder = Path(os.environ.get("LINEAL_AG_NEWS") or FOLDER)
    if not folder.is_dir():
        print(f"  no folder {folder}: AG News is not measured")
        return []
    first, first_labels = read_documents(folder / "train_head_subset.csv")
    more, more_labels = read_documents(folder / "part1.csv")
    evaluated, evaluated_labels = more[-EVALUATED:], more_labels[-EVALUATED:]
    more, more_labels = more[:-EVALUATED], more_labels[:-EVALUATED]
    with tempfile.TemporaryDirectory() as name:
        folder_of_texts = Path(name)
        test = _files(folder_of_texts, evaluated, evaluated_labels)
        before = _iteration(_files(folder_of_texts, first, first_labels), test)
        labelled = _files(folder_of_texts, [*first, *more], [*first_labels, *more_labels])
        after = _iteration(labelled, test)
    return [
        Result(
            "quality.ag_news",
            after["accuracy"],
            "accuracy",
            "above before",
            "before the iteration",
            before["accuracy"],
            after["accuracy"] / before["accuracy"],
        )
    ]


BENCHMARKS = (Benchmark(("quality.ag_news",), _measure, timed=False),)
