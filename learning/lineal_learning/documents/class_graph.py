"""A model of document classes as an ONNX graph, for programs that are not ours.

Its input is the terms of each document (:func:`lineal_learning.documents.terms.terms_of`; of a text
without layout these are its words), one row for a document, filled up with empty strings. Its
outputs are those of :class:`~lineal_learning.documents.class_model.ClassModel`: class, confidence,
likeness, and the probability of each class. ``metadata_props`` say how terms are made and which
column is which class.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from lineal_learning.documents.class_model import NO_WORDS, UNKNOWN, ClassModel
from lineal_learning.documents.terms import TOKEN

_OPSET = 18
_IR = 9
_TINY = 1e-30


def class_graph(model: ClassModel) -> bytes:
    """The graph; the same model makes the same bytes.

    Raises:
        ModuleNotFoundError: `onnx` is not installed.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    parts = model.parts()
    constants: list[Any] = []
    nodes: list[Any] = []

    def constant(name: str, value: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    ranks = constant("ranks", np.array([1], np.int64))
    zero, one = constant("zero", np.float32(0)), constant("one", np.float32(1))
    counts = node(
        "TfIdfVectorizer", ["terms"], "counts", mode="TF", min_gram_length=1, max_gram_length=1,
        max_skip_count=0, ngram_counts=[0], ngram_indexes=list(range(len(parts.terms))),
        pool_strings=list(parts.terms),
    )  # fmt: skip
    there = node("Cast", [node("Greater", [counts, zero], "is_there")], "there",
                 to=TensorProto.FLOAT)  # fmt: skip
    logarithms = node("Log", [node("Max", [counts, one], "at_least_one")], "logarithms")
    weighed = node(
        "Mul",
        [
            node("Add", [node("Mul", [logarithms, there], "logarithms_there"), there], "sublinear"),
            constant("idf", parts.idf.astype(np.float32)),
        ],
        "weighed",
    )
    length = node("ReduceL2", [weighed, ranks], "length", keepdims=1)
    unit = node(
        "Div",
        [weighed, node("Max", [length, constant("tiny", np.float32(_TINY))], "safe_length")],
        "unit",
    )
    logits = node(
        "Gemm",
        [unit, constant("weights", parts.weights.astype(np.float32)),
         constant("bias", parts.bias.astype(np.float32))],
        "logits",
    )  # fmt: skip
    node("Softmax", [logits], "probabilities", axis=1)
    has_words = node("Greater", [node("ReduceMax", [counts, ranks], "most", keepdims=0), zero],
                     "has_words")  # fmt: skip
    sure = node("ReduceMax", ["probabilities", ranks], "sure", keepdims=0)
    node("Where", [has_words, sure, zero], "confidence")
    if parts.means is None:
        alike = node("Where", [has_words, one, zero], "alike")
    else:
        means = constant("means", parts.means.astype(np.float32).T)
        cosines = node("MatMul", [unit, means], "cosines")
        alike = node("ReduceMax", [cosines, ranks], "alike", keepdims=0)
    node("Identity", [alike], "likeness")
    best = node("ArgMax", ["probabilities"], "best", axis=1, keepdims=0)
    classes = constant("classes", np.array(parts.classes, object))
    named = node("Gather", [classes, best], "named")
    least = constant("min_likeness", np.float32(parts.min_likeness))
    known = node("Where", [node("Less", [alike, least], "unlike"),
                           constant("unknown", np.array(UNKNOWN, object)), named],
                 "known")  # fmt: skip
    node("Where", [has_words, known, constant("no_words", np.array(NO_WORDS, object))], "class")

    floats, strings = TensorProto.FLOAT, TensorProto.STRING
    graph = helper.make_graph(
        nodes,
        "document_classes",
        [helper.make_tensor_value_info("terms", strings, ["documents", "most_terms"])],
        [
            helper.make_tensor_value_info("class", strings, ["documents"]),
            helper.make_tensor_value_info("confidence", floats, ["documents"]),
            helper.make_tensor_value_info("likeness", floats, ["documents"]),
            helper.make_tensor_value_info(
                "probabilities", floats, ["documents", len(parts.classes)]
            ),
        ],
        constants,
    )
    made = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR,
        producer_name="lineal",
    )  # fmt: skip
    helper.set_model_props(
        made,
        {
            "classes": json.dumps(list(parts.classes)),
            "longest_term": str(parts.max_ngram),
            "layout": json.dumps(parts.layout),
            "word": TOKEN,
        },
    )
    checker.check_model(made)
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def rows_of_terms(documents: list[list[str]]) -> Any:
    """The input of the graph for some documents: their terms, filled up with empty strings."""
    width = max([1, *map(len, documents)])
    return np.array([terms + [""] * (width - len(terms)) for terms in documents], object)
