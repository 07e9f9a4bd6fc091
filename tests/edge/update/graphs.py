"""Small scoring models, written by hand: good ones, and ones that misbehave."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lineal_schemas.deployments import GoldenWindow
from lineal_scoring.alarm import AlarmRules
from lineal_scoring.model import ALARM, PREPARATION, THRESHOLD
from lineal_scoring.preparation import Preparation

Kind = Literal["good", "nan", "hangs", "alarms"]

LENGTH, STEP, FEATURES, THRESHOLD_VALUE = 10, 5, ("rps", "voltage"), 100.0


def graph(
    kind: Kind = "good", factor: float = 1.0, features: tuple[str, ...] = FEATURES, padding: int = 0
) -> bytes:
    """A model whose score is the mean of its window's magnitudes times a factor."""
    channels = len(features)
    window = helper.make_tensor_value_info("window", TensorProto.DOUBLE, ["n", LENGTH, channels])
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])
    contributions = helper.make_tensor_value_info(
        "contributions", TensorProto.FLOAT, ["n", channels]
    )
    value = {"good": factor, "hangs": factor, "nan": np.nan, "alarms": factor * 1e6 + 1e6}[kind]
    constants: dict[str, np.ndarray] = {
        "factor": np.array(value, dtype=np.float64),
        "rows": np.array([1], dtype=np.int64),
        "columns": np.array([1, 2], dtype=np.int64),
    }
    if padding:
        constants["padding"] = np.random.default_rng(1).integers(0, 255, padding, dtype=np.uint8)
    nodes = [
        helper.make_node("Abs", ["window"], ["size"]),
        helper.make_node("Mul", ["size", "factor"], ["scaled"]),
        helper.make_node("ReduceMean", ["scaled", "columns"], ["mean"], keepdims=0),
        helper.make_node("ReduceMean", ["size", "rows"], ["parts"], keepdims=0),
        helper.make_node("Cast", ["parts"], ["contributions"], to=TensorProto.FLOAT),
    ]
    if kind == "hangs":
        nodes += _endless("mean", "looped", constants)
        nodes.append(helper.make_node("Cast", ["looped"], ["score"], to=TensorProto.FLOAT))
    else:
        nodes.append(helper.make_node("Cast", ["mean"], ["score"], to=TensorProto.FLOAT))
    made = helper.make_graph(
        nodes,
        "scorer",
        [window],
        [score, contributions],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    metadata = {
        PREPARATION: Preparation(features, LENGTH, STEP).to_json(),
        THRESHOLD: repr(THRESHOLD_VALUE),
        ALARM: json.dumps(asdict(AlarmRules())),
    }
    helper.set_model_props(model, metadata)
    return bytes(model.SerializeToString())


def _endless(given: str, result: str, constants: dict[str, np.ndarray]) -> list[onnx.NodeProto]:
    """Adds nothing to a tensor, for years."""
    constants["trips"] = np.array(2**60, dtype=np.int64)
    constants["on"] = np.array(True)
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["going_on"]),
            helper.make_node("Identity", ["carried"], ["carried_on"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.DOUBLE, None),
        ],
        [
            helper.make_tensor_value_info("going_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried_on", TensorProto.DOUBLE, None),
        ],
    )
    return [helper.make_node("Loop", ["trips", "on", given], [result], body=body)]


def golden(factor: float = 1.0, channels: int = len(FEATURES)) -> tuple[GoldenWindow, ...]:
    """Golden windows with the scores a good model gives."""
    windows = []
    for seed in range(3):
        values = np.random.default_rng(seed).normal(size=(LENGTH, channels)).round(6)
        windows.append(
            GoldenWindow(
                values=tuple(tuple(row) for row in values.tolist()),
                score=float(np.abs(values).mean() * factor),
            )
        )
    return tuple(windows)
