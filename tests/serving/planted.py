"""Small ONNX models, good and bad, with evaluations that the ledger knows."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from lineal import Context, stage
from lineal_learning.golden import MEDIA_TYPE, Golden, GoldenInputs, record_golden, to_file
from lineal_schemas.models import ModelEvaluated, ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload, payload_bytes

ONNX = "application/x-onnx"


def linear(
    slope: float, *, note: str = "", hang: int = 0, large: int = 0, above: float = 900
) -> bytes:
    """``value = sigmoid(slope * x)``, of any number of rows.

    Args:
        hang: turns of a loop that it makes where x is large.
        large: numbers that it has in memory at once where x is large.
        above: from where x is large.
    """
    nodes = [
        helper.make_node("Mul", ["x", "slope"], ["sloped"]),
        helper.make_node("Sigmoid", ["sloped"], ["plain"]),
    ]
    constants = [numpy_helper.from_array(np.array([slope], np.float32), "slope")]
    if hang or large:
        nodes += _trap(hang, large)
        constants += [
            numpy_helper.from_array(np.array([above], np.float32), "limit"),
            numpy_helper.from_array(np.array(0, np.float32), "nothing"),
        ]
        nodes.append(helper.make_node("Add", ["plain", "trapped"], ["value"]))
    else:
        nodes.append(helper.make_node("Identity", ["plain"], ["value"]))
    graph = helper.make_graph(
        nodes,
        "planted",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["rows", 1])],
        initializer=constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if note:
        entry = model.metadata_props.add()
        entry.key, entry.value = "note", note
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _trap(hang: int, large: int) -> list[Any]:
    turns = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["still"]),
            helper.make_node("Sin", ["kept"], ["kept_on"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("kept", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("kept_on", TensorProto.FLOAT, []),
        ],
    )
    made = [
        helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
        helper.make_node("Greater", ["largest", "limit"], ["sprung1"]),
        helper.make_node("Squeeze", ["sprung1"], ["sprung"]),
    ]
    then = helper.make_graph(
        [
            helper.make_node("Constant", [], ["turns"],
                             value=helper.make_tensor("t", TensorProto.INT64, [], [max(hang, 1)])),
            helper.make_node("Constant", [], ["yes"],
                             value=helper.make_tensor("y", TensorProto.BOOL, [], [True])),
            helper.make_node("Constant", [], ["zero"],
                             value=helper.make_tensor("z", TensorProto.FLOAT, [], [0.0])),
            helper.make_node("Loop", ["turns", "yes", "zero"], ["looped"], body=turns),
            helper.make_node("Constant", [], ["size"],
                             value=helper.make_tensor("s", TensorProto.INT64, [1], [large or 1])),
            helper.make_node("Expand", ["looped", "size"], ["expanded"]),
            helper.make_node("ReduceMax", ["expanded"], ["out"], keepdims=0),
        ],
        "then", [], [helper.make_tensor_value_info("out", TensorProto.FLOAT, [])],
    )  # fmt: skip
    other = helper.make_graph(
        [helper.make_node("Identity", ["nothing"], ["none"])],
        "else", [], [helper.make_tensor_value_info("none", TensorProto.FLOAT, [])],
    )  # fmt: skip
    return [
        *made,
        helper.make_node("If", ["sprung"], ["trapped"], then_branch=then, else_branch=other),
    ]


def golden(model: bytes, *, columns: int = 1, answers_of: bytes | None = None) -> bytes:
    """Golden samples of a model, of which the truth is that positive x are 1.

    Args:
        answers_of: another model, whose answers are recorded.
    """
    x = np.linspace(-2, 2, 40).astype(np.float32)[:, None]
    chosen = GoldenInputs({"x": x}, (x[:, 0] > 0).astype(np.float64), "probability", "value")
    if columns > 1:
        wide = chosen._replace(inputs={"x": np.repeat(x, columns, axis=1)})
        return to_file(Golden(wide, {"value": x}))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "m.onnx"
        file.write_bytes(answers_of or model)
        return record_golden(chosen, file, ONNX)


class Plant(Payload, type="test.planted", version=1):
    """An evaluation that is to be in the ledger."""

    evaluated: ModelEvaluated

    def partition_key(self) -> str:
        return self.evaluated.name


@stage("plant", version="1", memo=False)
async def plant(planted: Plant, ctx: Context) -> None:
    """As the stage that evaluates leaves it behind."""
    ctx.record_kind = "evaluate"
    assert planted.evaluated.artifact is not None
    ctx.objects.add_input(planted.evaluated.artifact, "model")
    await ctx.objects.put(payload_bytes(planted.evaluated), "application/json", role="evaluation")


def model_ref(data: bytes, version: int, name: str = "m") -> ModelRef:
    return ModelRef(name=name, version=version, sha256=sha256(data).hexdigest())


def evaluation(ref: ModelRef, artifact: ObjectRef, samples: ObjectRef | None) -> Plant:
    return Plant(
        evaluated=ModelEvaluated(
            name=ref.name, model=ref, iteration=1, dataset="0" * 64, metrics={}, passed=True,
            artifact=artifact, golden=samples,
        )
    )  # fmt: skip


__all__ = ["MEDIA_TYPE", "ONNX", "Plant", "evaluation", "golden", "linear", "model_ref", "plant"]
