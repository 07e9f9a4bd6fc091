"""Small models of photos, written by hand, and photos that they tell apart."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from lineal_learning.onnx_file import write_model
from lineal_scoring.photo_model import SIZE, PhotoModel

THRESHOLD = 0.5


def photo(red: int, number: int = 0, size: int = 64) -> bytes:
    """A JPEG that is as red as is said (0 to 255); its number makes its bytes different."""
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[:, :, 2] = red
    pixels[0, :8, 0] = [255 * (number >> bit & 1) for bit in range(8)]
    done, data = cv2.imencode(".jpg", pixels)
    assert done
    return bytes(data.tobytes())


def redness_model(factor: float = 1.0, *, says: float | None = None) -> bytes:
    """A model whose score is how red a photo is, 0 to 1, times a factor.

    Args:
        says: of its golden photo; None: what is true.
    """
    golden = np.full((SIZE, SIZE, 3), (51, 0, 0), np.uint8)
    nodes = [
        helper.make_node("Cast", ["photo"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["pixels", "first"], ["red"], axis=3),
        helper.make_node("Mul", ["red", "share"], ["scaled"]),
        helper.make_node("ReduceMean", ["scaled"], ["cells"], axes=[3], keepdims=0),
        helper.make_node("ReduceMean", ["cells"], ["score"], axes=[1, 2], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "redness",
        [helper.make_tensor_value_info("photo", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("cells", TensorProto.FLOAT, ["n", SIZE, SIZE]),
        ],
        [
            numpy_helper.from_array(np.array([0], np.int64), "first"),
            numpy_helper.from_array(np.array(factor / 255, np.float32), "share"),
        ],
    )
    if says is None:
        says = PhotoModel(write_model(graph, {"threshold": THRESHOLD})).score(golden).value
    drawn = cv2.imencode(".png", golden[:, :, ::-1])[1].tobytes()
    known = {"photos": [base64.b64encode(drawn).decode()], "scores": [says]}
    return write_model(graph, {"threshold": THRESHOLD, "golden": known})
