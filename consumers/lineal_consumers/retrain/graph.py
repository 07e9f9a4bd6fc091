"""Writes fitted models as ONNX graphs, with normalisation and score inside."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from lineal_consumers.retrain.autoencoder import Autoencoder
from lineal_consumers.retrain.pca import Pca
from lineal_consumers.retrain.preprocessor import LIMIT, Preprocessor
from lineal_scoring.alarm import AlarmRules
from lineal_scoring.model import ALARM, PREPARATION, THRESHOLD
from lineal_scoring.preparation import Preparation

Array = npt.NDArray[np.float64]
_OPSET, _IR = 17, 8
"""Read by every onnxruntime since 1.14."""


class _Graph:
    """Nodes and constants, collected in order."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: npt.ArrayLike, dtype: type[Any] = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output


def to_onnx(
    model: Pca | Autoencoder, preparation: Preparation, threshold: float, rules: AlarmRules
) -> bytes:
    """The model's file: what :class:`lineal_scoring.model.ScoringModel` loads.

    The same model is the same bytes.
    """
    graph = _Graph()
    channels = len(preparation.channels)
    values = _preprocessor(graph, model.preprocessor)
    flat = graph.node("Flatten", [values], "flat", axis=1)
    size = np.sqrt(model.preprocessor.scale.size)
    if isinstance(model, Pca):
        root = graph.constant("root", model.root / size)
        errors = graph.node("MatMul", [flat, root], "errors")
    else:
        errors = _rebuilding_errors(graph, model, flat, model.error_scale * size)
    graph.node("ReduceL2", [errors], "score", axes=[1], keepdims=0)
    if model.preprocessor.rows == 1:
        graph.node("Mul", [errors, errors], "contributions")
    else:
        shape = graph.constant("shape", [-1, model.preprocessor.rows, channels], np.int64)
        parts = graph.node("Reshape", [errors, shape], "parts")
        graph.node("ReduceSumSquare", [parts], "contributions", axes=[1], keepdims=0)
    return _file(graph, preparation, threshold, rules)


def _preprocessor(graph: _Graph, preprocessor: Preprocessor) -> str:
    mean = graph.constant("mean", preprocessor.mean, np.float64)
    centred = graph.node("Sub", ["window", mean], "centred_double")
    # Only departures from the mean are rounded to single precision: 228.01 V is not.
    centred = graph.node("Cast", [centred], "centred", to=TensorProto.FLOAT)
    values = graph.node("MatMul", [graph.constant("taps", preprocessor.taps), centred], "denoised")
    if preprocessor.floor is not None:
        assert preprocessor.spread_mean is not None
        first = graph.node(
            "MatMul", [graph.constant("first_tap", preprocessor.taps[:1]), centred], "newest"
        )
        about = graph.node("Sub", [centred, first], "about")
        square = graph.node("Mul", [about, about], "about_square")
        variance = graph.node("ReduceMean", [square], "variance", axes=[1], keepdims=1)
        floored = graph.node(
            "Add", [variance, graph.constant("floor", preprocessor.floor)], "floored"
        )
        spread = graph.node("Log", [floored], "log_variance")
        spread_mean = graph.constant("spread_mean", preprocessor.spread_mean)
        spread = graph.node("Sub", [spread, spread_mean], "spread")
        values = graph.node("Concat", [values, spread], "features", axis=1)
    scaled = graph.node("Div", [values, graph.constant("scale", preprocessor.scale)], "scaled")
    low, high = graph.constant("low", -LIMIT), graph.constant("high", LIMIT)
    return graph.node("Clip", [scaled, low, high], "values")


def _rebuilding_errors(graph: _Graph, model: Autoencoder, flat: str, error_scale: Array) -> str:
    low, high = graph.constant("cut_low", -model.limit), graph.constant("cut_high", model.limit)
    layer = graph.node("Clip", [flat, low, high], "layer_0")
    last = len(model.weights) - 1
    for number, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True)):
        names = [
            layer,
            graph.constant(f"weight_{number}", weight),
            graph.constant(f"bias_{number}", bias),
        ]
        layer = graph.node("Gemm", names, f"sum_{number + 1}")
        if number < last:
            layer = graph.node("Relu", [layer], f"layer_{number + 1}")
    difference = graph.node("Sub", [flat, layer], "difference")
    scale = graph.constant("error_scale", error_scale)
    return graph.node("Div", [difference, scale], "errors")


def _file(graph: _Graph, preparation: Preparation, threshold: float, rules: AlarmRules) -> bytes:
    length, channels = preparation.length, len(preparation.channels)
    window = helper.make_tensor_value_info("window", TensorProto.DOUBLE, ["n", length, channels])
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])
    parts = helper.make_tensor_value_info("contributions", TensorProto.FLOAT, ["n", channels])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "scoring", [window], [score, parts], graph.constants),
        producer_name="lineal",
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
    )
    checker.check_model(model, full_check=True)
    return with_use(model, preparation, threshold, rules)


def with_use(
    model: ModelProto, preparation: Preparation, threshold: float, rules: AlarmRules
) -> bytes:
    """A graph's file with the metadata that says how it is used."""
    del model.metadata_props[:]
    helper.set_model_props(
        model,
        {
            ALARM: json.dumps(asdict(rules), sort_keys=True, separators=(",", ":")),
            PREPARATION: preparation.to_json(),
            THRESHOLD: repr(float(threshold)),
        },
    )
    data: bytes = model.SerializeToString(deterministic=True)
    return data
