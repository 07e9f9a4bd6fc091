"""Classes of documents are learnt from words and where they stand, know what they do not know, and
keep a stated rate of errors."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from lineal_consumers.retrain.left_out import folds_by_layout
from lineal_consumers.retrain.linear_classifiers import Strengths, fit
from lineal_consumers.retrain.text_classifier import train_classes
from lineal_learning.documents.class_model import UNKNOWN, ClassModel, examples_needed
from lineal_learning.documents.terms import (
    PlacedWord,
    ReadDocument,
    ReadPage,
    read_document,
    terms_of,
    text_document,
)
from lineal_schemas.results import Engine, Page, TextResult, Word

FILLER = ["amount", "date", "number", "name", "total", "of", "the", "and", "with", "reference"]


def page(title: str, seed: int) -> ReadDocument:
    """A page with a heading, and below it the same words for every class, in any order."""
    chance = random.Random(seed)
    titles = ["statement", "transfer", "closing"]
    words = [PlacedWord(title, 0.1, 0.05, 0.2, 0.03, 0)]
    rest = [each for each in titles if each != title] + [title] + FILLER * 2
    chance.shuffle(rest)
    for number, text in enumerate(rest):
        top = 0.3 + 0.02 * (number // 4)
        words.append(PlacedWord(text, 0.1 + 0.2 * (number % 4), top, 0.1, 0.012, 1 + number // 4))
    return ReadDocument((ReadPage(" ".join(word.text for word in words), tuple(words)),))


def topics(count: int, seed: int, noise: float) -> tuple[list[ReadDocument], list[str]]:
    """Texts of ten classes; the more noise, the more of their words are of other classes."""
    chance = random.Random(seed)
    found, labels = [], []
    for number in range(count):
        own = number % 10
        words = [
            f"word{chance.randrange(10) if chance.random() < noise else own}{chance.randrange(9)}"
            for _ in range(12)
        ]
        found.append(text_document(" ".join(words)))
        labels.append(f"class{own}")
    return found, labels


def test_five_pages_that_differ_in_their_heading_alone_teach_a_class() -> None:
    titles = ["statement", "transfer", "closing"]
    taught = [page(title, seed) for title in titles for seed in range(5)]
    labels = [title for title in titles for _ in range(5)]
    model = ClassModel(train_classes(taught, labels).data)
    asked = [(page(title, seed), title) for title in titles for seed in range(100, 110)]
    assert all(model.classify(each).name == title for each, title in asked)


def test_what_is_like_nothing_that_was_taught_is_unknown() -> None:
    model = ClassModel(train_classes(*topics(100, 1, 0.2)).data)
    assert model.classify(text_document("a turbine was greased in spring word11")).name == UNKNOWN
    known, labels = topics(200, 2, 0.2)
    unknown = sum(model.classify(each).name == UNKNOWN for each in known)
    assert unknown <= 10
    assert len(labels) == 200


@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_the_stated_rate_of_errors_holds(rate: float) -> None:
    wrong = believed = total = 0
    for seed in range(4):
        model = ClassModel(train_classes(*topics(200, seed, 0.7)).data)
        least = model.min_confidence(rate)
        documents, labels = topics(400, 1000 + seed, 0.7)
        for document, label in zip(documents, labels, strict=True):
            found = model.classify(document)
            total += 1
            if found.confidence >= least and found.name != UNKNOWN:
                believed += 1
                wrong += found.name != label
    assert wrong / total <= 1.5 * rate
    assert believed / total > 0.2  # and it is not held by asking about everything


def test_with_fewer_examples_than_the_rate_takes_nothing_is_believed() -> None:
    model = ClassModel(train_classes(*topics(40, 1, 0.1)).data)
    assert model.min_confidence(0.02) > 1
    assert model.min_confidence(0.1) <= 1


def test_a_stored_reading_has_the_words_with_their_places() -> None:
    result = TextResult(
        engines=(Engine(name="t", version="1"),),
        text="Dear Ann\fBye",
        pages=(
            Page(
                number=1, begin=0, end=8, width=595, height=842, source="text-layer",
                words=(
                    Word(0, 4, 1.0, 0.1, 0.2, 0.3, 0.02, 0),
                    Word(5, 8, 1.0, 0.5, 0.2, 0.1, 0.02, 0),
                ),
            ),
            Page(number=2, begin=9, end=12, width=0, height=0, source="parse"),
        ),
    )  # fmt: skip
    document = read_document(result.to_gzip())
    assert document.text == "Dear Ann\fBye"
    assert document.pages[0].words[1] == PlacedWord("Ann", 0.5, 0.2, 0.1, 0.02, 0)
    with pytest.raises(ValueError, match="not a reading"):
        read_document(result.to_gzip()[:50])


def test_a_rate_is_shown_by_as_many_examples_as_its_confidence_takes() -> None:
    assert examples_needed(0.02) == 114
    assert examples_needed(0.05) == 45
    assert examples_needed(0.02, confidence=0.95) == 149
    # One more or one fewer of the same examples decides; none of them is wrong.
    for count, believed in ((110, False), (120, True)):
        model = ClassModel(train_classes(*topics(count, 1, 0.0)).data)
        assert (model.min_confidence(0.02) <= 1) is believed
        assert model.believed_share(0.02) == float(believed)


def test_documents_of_one_layout_are_left_out_together_and_at_most_half_of_a_class() -> None:
    def written(top: float, left: float) -> ReadDocument:
        words = tuple(
            PlacedWord("word", left + 0.1 * n, top + 0.1 * n, 0.09, 0.01, n) for n in range(4)
        )
        return ReadDocument((ReadPage("word " * 4, words),))

    layouts = [(0.1, 0.1), (0.1, 0.1), (0.5, 0.5), (0.5, 0.5)]
    wanted = np.array([number for number in range(6) for _ in layouts])
    folds = folds_by_layout([written(*layouts[n % 4]) for n in range(24)], wanted, seed=0)
    of_class = folds.reshape(6, 4)
    assert (of_class[:, 0] == of_class[:, 1]).all()
    assert (of_class[:, 2] == of_class[:, 3]).all()
    assert (of_class[:, 0] != of_class[:, 2]).all()
    assert len(set(of_class[:, 0].tolist())) == 1  # the same layout in every class
    mostly = folds_by_layout(
        [written(*layouts[0 if n % 4 < 3 else 2]) for n in range(24)], wanted, seed=0
    ).reshape(6, 4)
    assert all(max(np.bincount(row)) <= 2 for row in mostly)


@pytest.mark.parametrize("classes", [2, 5])
def test_logistic_regression_is_the_same_solved_for_documents_or_for_terms(classes: int) -> None:
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import normalize

    chance = np.random.default_rng(0)
    wanted = np.arange(60) % classes
    values = chance.random((60, 200)) * (chance.random((60, 200)) < 0.1)
    values[np.arange(60), wanted] += 1.0
    matrix = normalize(csr_matrix(values))
    ours = fit("logistic", matrix, wanted, Strengths())
    peer = LogisticRegression(C=10, max_iter=1000).fit(matrix, wanted)
    scores = matrix @ ours.weights + ours.bias
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = odds / odds.sum(axis=1, keepdims=True)
    tolerance = 0.02 if classes > 2 else 0.1  # of two classes the peer has one column of weights
    assert np.abs(shares - peer.predict_proba(matrix)).max() < tolerance


def test_the_graph_in_onnx_says_what_the_model_says() -> None:
    """Class, confidence, likeness and every probability, also of what is like nothing taught and of
    what has no known word."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from lineal_learning.documents.class_graph import class_graph, rows_of_terms

    titles = ["statement", "transfer", "closing"]
    taught = [page(title, seed) for title in titles for seed in range(5)]
    data = train_classes(taught, [title for title in titles for _ in range(5)]).data
    model = ClassModel(data)
    asked = [
        *(page(title, seed) for title in titles for seed in range(50, 53)),
        text_document("a reference to the total of some number that nobody has ever heard of"),
        text_document("xyzzy"),
    ]
    graph = class_graph(model)
    assert graph == class_graph(ClassModel(data))
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    layout = json.loads(session.get_modelmeta().custom_metadata_map["layout"])
    rows = rows_of_terms([terms_of(document, layout=layout) for document in asked])
    names, sure, alike, probabilities = session.run(
        ["class", "confidence", "likeness", "probabilities"], {"terms": rows}
    )
    for row, document in enumerate(asked):
        expected = model.classify(document)
        assert names[row] == expected.name
        assert sure[row] == pytest.approx(expected.confidence, abs=1e-4)
        assert alike[row] == pytest.approx(expected.likeness, abs=1e-4)
    assert names[-1] == "other"
    likely = model.probabilities(asked[0])
    assert dict(zip(model.classes, probabilities[0], strict=True)) == pytest.approx(
        likely, abs=1e-4
    )
