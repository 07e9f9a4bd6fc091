"""A model is tried out where it can do no harm."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lineal_scoring.alarm import AlarmRules
from lineal_scoring.model import ALARM, PREPARATION, THRESHOLD, ModelError
from lineal_scoring.preparation import Preparation
from lineal_scoring.trial import try_out
from tests.scoring.readings import trained

PREPARED = Preparation(features=("a",), length=4, step=1)
WINDOWS = np.ones((2, 4, 1))


def model_that(nodes, constants) -> bytes:
    """A graph whose score is what ``nodes`` add to the window's mean, as ``extra``."""
    nodes = [
        helper.make_node("Cast", ["window"], ["single"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["single"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMean", ["single"], ["contributions"], axes=[1], keepdims=0),
        *nodes,
        helper.make_node("Add", ["mean", "extra"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "harmful",
        [helper.make_tensor_value_info("window", TensorProto.DOUBLE, ["n", 4, 1])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("contributions", TensorProto.FLOAT, ["n", 1]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(
        model,
        {
            PREPARATION: PREPARED.to_json(),
            THRESHOLD: "2.0",
            ALARM: json.dumps(asdict(AlarmRules())),
        },
    )
    data: bytes = model.SerializeToString()
    return data


def endless() -> bytes:
    """A loop without an end."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["on"]),
            helper.make_node("Identity", ["sum_in"], ["sum_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum_in", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum_out", TensorProto.FLOAT, []),
        ],
    )
    loop = helper.make_node("Loop", ["turns", "always", "zero"], ["extra"], body=body)
    constants = {
        "turns": np.int64(2**62),
        "always": np.bool_(True),
        "zero": np.float32(0),
    }
    return model_that([loop], constants)


def greedy() -> bytes:
    """Sixteen gigabytes of zeros."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ReduceMax", ["zeros"], ["extra"], keepdims=0),
    ]
    return model_that(nodes, {"shape": np.array([2**32], dtype=np.int64)})


def test_a_good_model_passes() -> None:
    good = trained()
    try_out(good.data, good.golden_windows, good.golden_scores)


def test_a_model_that_scores_wrongly_does_not() -> None:
    good = trained()
    with pytest.raises(ModelError, match="golden window 0"):
        try_out(good.data, good.golden_windows, [score + 1 for score in good.golden_scores])


def test_a_corrupt_file_does_not() -> None:
    good = trained()
    with pytest.raises(ModelError, match="not a scoring model"):
        try_out(good.data[:-100], good.golden_windows, good.golden_scores)


def test_a_model_that_hangs_is_given_up() -> None:
    with pytest.raises(ModelError, match="within 3 s"):
        try_out(endless(), WINDOWS, [1.0, 1.0], seconds=3)


def test_a_model_that_wants_too_much_memory_is_refused() -> None:
    with pytest.raises(ModelError, match=r"cannot score|ended its process"):
        try_out(greedy(), WINDOWS, [1.0, 1.0])
