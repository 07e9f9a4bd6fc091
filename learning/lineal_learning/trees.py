"""Writes a LightGBM model as an ONNX graph, from the features to the calibrated prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper

from lineal_learning.onnx_file import write_model

_ML_OPSET = 3


def to_onnx(
    booster: Any, *, task: str, scale: str, slope: float, shift: float, metadata: Mapping[str, Any]
) -> bytes:
    """The model's file; the same model is the same bytes.

    Args:
        booster: LightGBM's, without categorical features.
        slope: of the calibration: a probability is the sigmoid of ``slope * score + shift``, an
            amount ``slope * amount + shift``.
    """
    dumped = booster.dump_model()
    nodes: list[NodeProto] = [
        helper.make_node(
            "TreeEnsembleRegressor", ["features"], ["score"], name="trees", domain="ai.onnx.ml",
            **_ensemble(dumped),
        )
    ]  # fmt: skip
    constants = [_constant("slope", slope), _constant("shift", shift), _constant("zero", 0.0)]
    value = "score"
    if task == "regression" and scale == "log":
        one = _constant("one", 1.0)
        constants.append(one)
        nodes += [
            helper.make_node("Exp", [value], ["exp"], name="exp"),
            helper.make_node("Sub", ["exp", "one"], ["amount"], name="amount"),
        ]
        value = "amount"
    nodes += [
        helper.make_node("Mul", [value, "slope"], ["sloped"], name="sloped"),
        helper.make_node("Add", ["sloped", "shift"], ["shifted"], name="shifted"),
        helper.make_node("Sigmoid", ["shifted"], ["value"], name="value")
        if task == "classification"
        else helper.make_node("Max", ["shifted", "zero"], ["value"], name="value")
        if scale == "log"
        else helper.make_node("Identity", ["shifted"], ["value"], name="value"),
    ]
    count = dumped["max_feature_idx"] + 1
    graph = helper.make_graph(
        nodes,
        "lineal-table",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["count", count])],
        [
            helper.make_tensor_value_info("value", TensorProto.FLOAT, ["count", 1]),
            helper.make_tensor_value_info("score", TensorProto.FLOAT, ["count", 1]),
        ],
        initializer=constants,
    )
    return write_model(graph, metadata, (helper.make_opsetid("ai.onnx.ml", _ML_OPSET),))


def _constant(name: str, value: float) -> TensorProto:
    return helper.make_tensor(name, TensorProto.FLOAT, [1], [value])


def _ensemble(dumped: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, list[Any]] = {
        f"nodes_{name}": []
        for name in (
            "treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids",
            "hitrates", "missing_value_tracks_true",
        )
    }  # fmt: skip
    found |= {f"target_{name}": [] for name in ("treeids", "nodeids", "ids", "weights")}
    for tree in dumped["tree_info"]:
        _add_tree(found, tree["tree_index"], tree["tree_structure"])
    return {**found, "n_targets": 1, "aggregate_function": "SUM", "post_transform": "NONE"}


def _add_tree(found: dict[str, list[Any]], tree: int, root: dict[str, Any]) -> None:
    numbers: dict[int, int] = {}
    waiting = [root]
    order: list[dict[str, Any]] = []
    while waiting:
        node = waiting.pop()
        numbers[id(node)] = len(order)
        order.append(node)
        if "split_feature" in node:
            waiting += [node["right_child"], node["left_child"]]
    for node in order:
        number = numbers[id(node)]
        is_leaf = "split_feature" not in node
        found["nodes_treeids"].append(tree)
        found["nodes_nodeids"].append(number)
        found["nodes_hitrates"].append(1.0)
        found["nodes_modes"].append("LEAF" if is_leaf else "BRANCH_LEQ")
        found["nodes_featureids"].append(0 if is_leaf else node["split_feature"])
        found["nodes_values"].append(0.0 if is_leaf else _below(node["threshold"]))
        found["nodes_truenodeids"].append(0 if is_leaf else numbers[id(node["left_child"])])
        found["nodes_falsenodeids"].append(0 if is_leaf else numbers[id(node["right_child"])])
        found["nodes_missing_value_tracks_true"].append(int(not is_leaf and _missing_left(node)))
        if is_leaf:
            found["target_treeids"].append(tree)
            found["target_nodeids"].append(number)
            found["target_ids"].append(0)
            found["target_weights"].append(float(node["leaf_value"]))


def _missing_left(node: dict[str, Any]) -> bool:
    if node["missing_type"] == "None":  # then LightGBM takes what is missing for zero
        return bool(node["threshold"] >= 0)
    return bool(node["default_left"])


def _below(threshold: float) -> float:
    """The largest number of single precision that is not above a threshold: features have single
    precision, and go the same way by it."""
    # LightGBM writes 1e300 where only what is missing goes another way.
    highest = float(np.finfo(np.float32).max)
    rounded = np.float32(min(max(threshold, -highest), highest))
    if float(rounded) > threshold:
        rounded = np.nextafter(rounded, np.float32(-np.inf))
    return float(rounded)
