"""How often classes of documents are wrong, and how many people are asked about: as measured."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from lineal.store.connection import Connection
from lineal_catalog.reviews.error_bounds import error_bound
from lineal_catalog.reviews.thresholds import measured_classes


class Rate(NamedTuple):
    """A share that was counted."""

    wrong: int
    of: int

    @property
    def share(self) -> float | None:
        """None: nothing was counted."""
        return self.wrong / self.of if self.of else None

    @property
    def bound(self) -> float | None:
        """What the rate is below with a confidence of 90 %: the one-sided bound of
        Clopper and Pearson (1934); None: nothing was counted."""
        return error_bound(self.wrong, self.of) if self.of else None


class ClassFigures(NamedTuple):
    """What is measured of one class."""

    documents: int
    """That are of it now."""
    asked: int
    """Of which of the documents that the machine gave this class people were asked."""
    answered: Rate
    """Of the answers, how many said another class."""

    @property
    def review_share(self) -> float | None:
        """Which part of its documents people are asked about; None: there are none."""
        return min(1.0, self.asked / self.documents) if self.documents else None


class ModelFigures(NamedTuple):
    """What is measured of the model in use, on documents that it has not learnt from."""

    all_documents: Rate
    believed: Rate
    """Of those that it is sure enough of at the stated rate."""

    @property
    def review_share(self) -> float | None:
        """Which part of all documents people are asked about."""
        total = self.all_documents.of
        return 1 - self.believed.of / total if total else None


def class_figures(connection: Connection) -> dict[str, ClassFigures]:
    """Of each class that a document has or had."""
    documents = Counter(
        dict(
            connection.execute(
                "SELECT value, count(*) FROM search_facets WHERE key = 'class' GROUP BY value"
            ).fetchall()
        )
    )
    asked = Counter(
        dict(
            connection.execute(
                "SELECT document_class, count(DISTINCT subject) FROM reviews "
                "WHERE target = 'class' AND reason IN ('confidence', 'unknown', 'audit') "
                "AND document_class IS NOT NULL GROUP BY document_class"
            ).fetchall()
        )
    )
    answers, wrong = Counter[str](), Counter[str]()
    for one in measured_classes(connection):
        answers[one.document_class] += 1
        wrong[one.document_class] += not one.right
    return {
        name: ClassFigures(documents[name], asked[name], Rate(wrong[name], answers[name]))
        for name in {*documents, *asked, *answers}
    }


def model_figures(metrics: dict[str, float]) -> ModelFigures | None:
    """From the figures of an evaluation; None where they do not say."""
    try:
        total = round(metrics["documents"])
        right = round(metrics["accuracy"] * total)
        believed = round(metrics["coverage"] * total)
        believed_right = round(metrics["believed_accuracy"] * believed)
    except KeyError:
        return None
    return ModelFigures(Rate(total - right, total), Rate(believed - believed_right, believed))
