"""What a model of classes says that few examples have borne out."""

from __future__ import annotations

import random

from lineal_consumers.nlp.trained_class import TrainedClasses
from lineal_consumers.retrain.text_classifier import train_text_classifier
from lineal_learning.documents.class_model import ClassModel
from lineal_learning.documents.terms import text_document
from lineal_schemas.results import DocumentClass

WORDS = {
    "menu": "soup salad dessert starter vegetarian wine cheese pasta grill course",
    "logbook": "harbour anchor tide wind knots crew sails bearing deck watch",
}


def text(kind: str, seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS[kind].split(), k=30))


def asked(examples: int, seed: int) -> DocumentClass:
    """Of a menu, of a model that has seen so many of each class."""
    kinds = [kind for kind in WORDS for _ in range(examples)]
    texts = [text(kind, number) for number, kind in enumerate(kinds)]
    model = ClassModel(train_text_classifier(texts, kinds).data)
    document = text_document(text("menu", seed))
    return TrainedClasses(model, document, 0.05, "documents").classify((), ())


def test_few_examples_neither_doubt_everything_nor_claim_certainty() -> None:
    found = asked(5, 1000)
    assert (found.name, found.doubt) == ("menu", None)
    assert found.evidence is not None
    assert (found.evidence.model, found.evidence.error_rate) == ("documents", 0.05)
    assert 0 < found.evidence.looked_at <= 10
    assert found.evidence.wrong == 0
    # Ten of ten show no more than that eight of ten are right.
    assert found.confidence < 0.8


def test_enough_examples_need_no_further_answers() -> None:
    found = asked(40, 1000)
    assert (found.name, found.doubt, found.evidence) == ("menu", None, None)
    assert 0.9 < found.confidence < 1
