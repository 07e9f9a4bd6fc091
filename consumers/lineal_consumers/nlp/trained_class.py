"""Classifies documents by a model of the classes that people have taught."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lineal_schemas.class_evidence import ClassEvidence
from lineal_schemas.results import ClassDoubt, DocumentClass, Entity

if TYPE_CHECKING:
    from lineal_learning.documents.class_model import ClassModel
    from lineal_learning.documents.terms import ReadDocument


class TrainedClasses:
    """Chooses among the classes that were taught, by words and layout; see
    :class:`~lineal_consumers.nlp.engines.DocumentClassifier`."""

    def __init__(
        self, model: ClassModel, document: ReadDocument, error_rate: float, name: str
    ) -> None:
        """For one document.

        Args:
            error_rate: of all documents, how many may be given a wrong class unseen.
            name: under which the model is in use.
        """
        self._model = model
        self._document = document
        self._error_rate = error_rate
        self._name = name

    def classify(self, pages: Sequence[str], entities: Sequence[Entity]) -> DocumentClass:
        """The confidence is the model's probability, as far as documents that it had not seen bear
        it out; the doubt says whether to ask a person.

        Where they are too few for the rate of errors that is wanted, what is as sure as the lowest
        rate takes that they can show is not doubted: the evidence says how few they are.
        """
        from lineal_learning.documents.class_model import UNKNOWN

        model = self._model
        found = model.classify(self._document)
        confidence = found.confidence
        doubt: ClassDoubt | None = None
        evidence = None
        if model.is_calibrated:
            # Few examples are all right by chance: a probability near 1 would claim more than
            # they show.
            confidence *= 1.0 - model.rate_shown(0.0)
            rate = model.rate_shown(self._error_rate)
            least = model.min_confidence(rate)
            if found.name == UNKNOWN or found.likeness == 0:
                doubt = "unknown"
            elif found.confidence < least:
                doubt = "unsure"
            elif rate > self._error_rate:
                seen = model.believed(least)
                evidence = ClassEvidence(
                    model=self._name,
                    looked_at=seen.documents,
                    wrong=seen.wrong,
                    error_rate=self._error_rate,
                )
        return DocumentClass(
            name=found.name,
            confidence=round(confidence, 3),
            classifier="model",
            doubt=doubt,
            evidence=evidence,
        )
