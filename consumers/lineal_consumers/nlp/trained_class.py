"""Classifies documents by a model of the classes that people have taught."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lineal_schemas.results import ClassDoubt, DocumentClass, Entity

if TYPE_CHECKING:
    from lineal_learning.documents.class_model import ClassModel
    from lineal_learning.documents.terms import ReadDocument


class TrainedClasses:
    """Chooses among the classes that were taught, by words and layout; see
    :class:`~lineal_consumers.nlp.engines.DocumentClassifier`."""

    def __init__(self, model: ClassModel, document: ReadDocument, error_rate: float) -> None:
        """For one document.

        Args:
            error_rate: of all documents, how many may be given a wrong class unseen.
        """
        self._model = model
        self._document = document
        self._error_rate = error_rate

    def classify(self, pages: Sequence[str], entities: Sequence[Entity]) -> DocumentClass:
        """The confidence is the model's probability; the doubt says whether to ask a person."""
        from lineal_learning.documents.class_model import UNKNOWN

        found = self._model.classify(self._document)
        doubt: ClassDoubt | None = None
        if self._model.is_calibrated:
            if found.name == UNKNOWN or found.likeness == 0:
                doubt = "unknown"
            elif found.confidence < self._model.min_confidence(self._error_rate):
                doubt = "unsure"
        return DocumentClass(
            name=found.name, confidence=round(found.confidence, 3), classifier="model", doubt=doubt
        )
