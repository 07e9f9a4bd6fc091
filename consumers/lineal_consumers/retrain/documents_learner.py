"""Learns the classes of documents from labelled ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from lineal import Reject
from lineal_consumers.retrain.config import DocumentsModel
from lineal_consumers.retrain.dataset import documents_to_learn
from lineal_learning.documents.class_model import UNKNOWN, ClassModel
from lineal_learning.documents.near_duplicates import first_of_each
from lineal_learning.documents.terms import read_document, words_of
from lineal_learning.gates import GateRule, Gates
from lineal_learning.learner import Fitted, Learner, LearningData, Material
from lineal_learning.splits import Candidate
from lineal_schemas.models import Metrics, SplitRule

_MANY = 50
_ERROR_RATE = 0.02
"""At which the share of believed documents is measured; nlp has a setting of its own."""


class DocumentsLearner(Learner[DocumentsModel]):
    """Says what kind a document is: ``kind = "documents"``."""

    kind = "documents"
    settings = DocumentsModel
    media_type = "application/x-npz"
    material = ("label",)
    libraries = ("numpy", "scikit-learn", "scipy", "threadpoolctl")
    code = ("lineal_consumers.retrain", "lineal_learning", "lineal_learning.documents")

    def candidates(self, material: Material, settings: DocumentsModel) -> list[Candidate]:
        return documents_to_learn([label for _, label in material.remembered["label"]])

    def fingerprints(self, files: Sequence[Path], settings: DocumentsModel) -> list[str | None]:
        """Nearly the same words are the same text, whatever their case, spaces and punctuation."""
        words = [words_of(read_document(file.read_bytes()).text) for file in files]
        names = [sha256(" ".join(text).encode()).hexdigest()[:32] for text in words]
        return [names[first] for first in first_of_each(words)]

    def split(self, settings: DocumentsModel) -> SplitRule:
        # By document, not by time: classes are often taught one after the other.
        return SplitRule(by="group", test_share=settings.test_share, seed=settings.seed)

    def min_new_rows(self, settings: DocumentsModel) -> int:
        return settings.min_new_documents

    def features(self, settings: DocumentsModel) -> None:
        return None

    def fit(self, data: LearningData, settings: DocumentsModel, algorithm: str) -> Fitted:
        from lineal_consumers.retrain.text_classifier import TextSettings, train_classes

        counts = Counter(item.label for item in data.manifest.train)
        # A class of which there is one example waits for another; the others are learnt.
        items = [item for item in data.manifest.train if counts[item.label] > 1]
        try:
            trained = train_classes(
                [read_document(data.file_of(item).read_bytes()) for item in items],
                [item.label or "" for item in items],
                TextSettings(
                    learner=settings.learner,
                    max_ngram=settings.max_ngram,
                    layout=settings.layout,
                    # What stands in one document alone tells nothing, and may be about a person.
                    min_documents=2 if len(items) >= _MANY else 1,
                    seed=settings.seed,
                    threads=settings.threads,
                ),
            )
        except ValueError as error:
            raise Reject(f"no classes can be learnt from these documents: {error}") from error
        return Fitted(
            model=trained.data,
            algorithm=f"tfidf-{trained.learner}",
            metrics={
                "cross_validated_accuracy": trained.cross_validated_accuracy,
                "classes": float(len(trained.classes)),
                "classes_with_one_example": float(sum(n == 1 for n in counts.values())),
                "terms": float(trained.terms),
                "layout_weight": trained.layout_weight,
                # Of the examples, each asked of a model that has not seen it.
                "believed": ClassModel(trained.data).believed_share(_ERROR_RATE),
            },
            parameters={"learner": trained.learner, "max_ngram": settings.max_ngram},
        )

    def export(self, fitted: Fitted) -> bytes:
        """A NumPy archive: the vocabulary is data, and its reader needs NumPy alone."""
        data: bytes = fitted.model
        return data

    def onnx(self, model: bytes) -> bytes:
        """See :func:`lineal_learning.documents.class_graph.class_graph`."""
        from lineal_learning.documents.class_graph import class_graph

        try:
            return class_graph(ClassModel(model))
        except ValueError as error:
            raise Reject(str(error)) from error

    def evaluate(self, model: bytes, data: LearningData, settings: DocumentsModel) -> Metrics:
        """``accuracy``: the share of the test documents that are classed as they are labelled;
        ``coverage``: of those that are believed at an error rate of 2 %; ``believed_accuracy``: how
        many of these are right (1 where there are none)."""
        items = data.manifest.test
        if not items:
            raise Reject("there are no test documents to evaluate on")
        try:
            loaded = ClassModel(model)
            found = [
                loaded.classify(read_document(data.file_of(item).read_bytes())) for item in items
            ]
        except ValueError as error:
            raise Reject(str(error)) from error
        right = [one.name == item.label for one, item in zip(found, items, strict=True)]
        least = loaded.min_confidence(_ERROR_RATE)
        believed = [
            is_right
            for one, is_right in zip(found, right, strict=True)
            if one.confidence >= least and one.name != UNKNOWN
        ]
        return {
            "accuracy": sum(right) / len(items),
            "documents": float(len(items)),
            "coverage": len(believed) / len(items),
            "believed_accuracy": sum(believed) / len(believed) if believed else 1.0,
        }

    def gates(self, settings: DocumentsModel) -> Gates:
        return Gates(
            rules=(
                GateRule(metric="accuracy", limit=settings.min_accuracy),
                GateRule(metric="accuracy", tolerance=settings.tolerance),
            ),
            score={"accuracy": 1.0},
        )


DOCUMENTS = DocumentsLearner()
