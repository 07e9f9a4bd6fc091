"""A text classifier learnt from labelled documents, and read without scikit-learn."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from lineal_consumers.retrain.text_classifier import TextSettings, train_text_classifier
from lineal_learning.documents.class_model import ClassModel, ModelFileError
from lineal_learning.documents.terms import text_document

ROOT = Path(__file__).parents[3]
WORDS = {
    "invoice": [
        "invoice",
        "amount",
        "due",
        "payment",
        "total",
        "tax",
        "remit",
        "customer",
        "order",
        "net",
    ],
    "letter": [
        "dear",
        "sincerely",
        "regards",
        "thank",
        "you",
        "writing",
        "hope",
        "meeting",
        "yours",
        "kind",
    ],
    "report": [
        "results",
        "figure",
        "analysis",
        "quarter",
        "growth",
        "summary",
        "method",
        "table",
        "data",
        "findings",
    ],
}
COMMON = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "that",
    "for",
    "it",
    "on",
    "with",
    "as",
    "at",
    "by",
    "this",
]


def documents(count: int, seed: int, classes=tuple(WORDS)) -> tuple[list[str], list[str]]:
    chance = random.Random(seed)
    labels = [classes[number % len(classes)] for number in range(count)]
    texts = [
        " ".join(
            chance.choice(WORDS[label] if chance.random() < 0.3 else COMMON) for _ in range(40)
        )
        for label in labels
    ]
    return texts, labels


@pytest.mark.parametrize("learner", ["complement_naive_bayes", "logistic", "ridge", "best"])
@pytest.mark.parametrize("classes", [("invoice", "letter"), tuple(WORDS)])
def test_it_learns_the_classes(learner, classes) -> None:
    trained = train_text_classifier(*documents(60, 1, classes), TextSettings(learner=learner))
    classifier = ClassModel(trained.data)
    texts, labels = documents(60, 2, classes)
    found = [classifier.classify(text_document(text)) for text in texts]
    right = sum(one.name == label for one, label in zip(found, labels, strict=True))
    assert right >= 57
    assert trained.classes == tuple(sorted(classes))


@pytest.mark.parametrize("learner", ["complement_naive_bayes", "logistic"])
def test_the_reader_computes_what_scikit_learn_computes(learner) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import ComplementNB

    texts, labels = documents(60, 1)
    wanted = TextSettings(learner=learner, max_ngram=2)
    classifier = ClassModel(train_text_classifier(texts, labels, wanted).data)
    vectorizer = TfidfVectorizer(
        token_pattern=r"(?u)[^\W_]{2,}", ngram_range=(1, 2), sublinear_tf=True
    )
    model = ComplementNB(alpha=0.3) if learner != "logistic" else LogisticRegression(C=10)
    model.fit(vectorizer.fit_transform(texts), labels)
    fresh, _ = documents(40, 3)
    fresh += ["DEAR ﬁgure — Növember naïve", "3.14 x_y payment/total"]
    expected = model.predict(vectorizer.transform([text.replace("ﬁ", "fi") for text in fresh]))
    for text, name in zip(fresh, expected.tolist(), strict=True):
        found = classifier.probabilities(text_document(text))
        assert max(found, key=lambda each: found[each]) == name


def test_confidence_is_a_probability_that_holds() -> None:
    trained = train_text_classifier(*documents(90, 1))
    classifier = ClassModel(trained.data)
    texts, labels = documents(300, 2)
    found = [classifier.classify(text_document(text)) for text in texts]
    right = [one.name == label for one, label in zip(found, labels, strict=True)]
    mean = sum(one.confidence for one in found) / len(found)
    assert abs(mean - sum(right) / len(right)) < 0.1
    assert sum(classifier.probabilities(text_document(texts[0])).values()) == pytest.approx(1)


def test_a_text_without_known_words_is_other() -> None:
    classifier = ClassModel(train_text_classifier(*documents(60, 1)).data)
    for text in ("", "12 ... !", "ζ ξ"):
        assert classifier.classify(text_document(text)).name == "other"


def test_a_fresh_process_makes_the_same_bytes() -> None:
    code = (
        "from tests.consumers.retrain.test_text_classifier import documents\n"
        "from lineal_consumers.retrain.text_classifier import train_text_classifier\n"
        "print(train_text_classifier(*documents(60, 1)).sha256)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert found == train_text_classifier(*documents(60, 1)).sha256 + "\n"


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["a b", "c d"], ["x", "x"]),
        (["word here", "other there", "third one"], ["x", "x", "y"]),
        (["one two"], ["x", "y"]),
        (["", "", "", ""], ["x", "x", "y", "y"]),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(texts, labels) -> None:
    with pytest.raises(ValueError):
        train_text_classifier(texts, labels)


def test_damaged_files_and_pickles_are_refused() -> None:
    import io

    import numpy as np

    data = train_text_classifier(*documents(60, 1)).data
    pickled = io.BytesIO()
    np.savez(pickled, header=np.array([{"format": "x"}], dtype=object))
    for wrong in (b"", data[: len(data) // 2], pickled.getvalue(), b"PK\x05\x06" + bytes(18)):
        with pytest.raises(ModelFileError):
            ClassModel(wrong)


def test_the_reader_needs_no_scikit_learn() -> None:
    code = "import sys, lineal_learning.documents.class_model; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
