"""The graph of a photo model: features of cells, what of them is not normal, and the score.

One ONNX graph holds everything from the pixels on, so that whoever runs it computes the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper

from lineal_learning.onnx_file import write_model
from lineal_scoring.photo_model import SIZE

Array = npt.NDArray[np.float32]
CELL = 16
"""Pixels of each side of a cell."""
GRID = SIZE // CELL
CHANNELS = 29
TOP_CELLS = 8
"""The score is the mean of the most abnormal cells, 3 % of all: a defect is small."""
_ORIENTATIONS = 8
_LBP_MARGIN = 0.01
"""A neighbour counts as brighter from here on, of 1: the noise of a camera does not."""
_WAVELENGTHS = (4, 8)
_DIRECTIONS = 4


class Graph:
    """Nodes and constants, collected in order."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, value: npt.ArrayLike, dtype: type[Any] = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"n{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(operator, list(inputs), [output], name=output, **attributes)
        )
        return output

    def axes(self, *axes: int) -> str:
        return self.constant(list(axes), np.int64)


def classical_features(graph: Graph) -> str:
    """Edges, textures and colours of each cell: count × 29 × 16 × 16, from ``photo``.

    Eight orientations of the gradient (as in HOG, Dalal and Triggs 2005), the histogram of uniform
    local binary patterns (Ojala et al. 2002), the energy of Gabor filters in four directions and
    two wavelengths, and the mean colour.
    """
    scaled = graph.node("Cast", "photo", to=TensorProto.FLOAT)
    scaled = graph.node("Div", scaled, graph.constant(255.0))
    colours = graph.node("Transpose", scaled, perm=[0, 3, 1, 2])
    grey = graph.node("ReduceMean", colours, axes=[1], keepdims=1)
    parts = [_gradients(graph, grey), _patterns(graph, grey), _waves(graph, grey),
             _pool(graph, colours, CELL)]  # fmt: skip
    return graph.node("Concat", *parts, output="features", axis=1)


def _pool(graph: Graph, values: str, side: int) -> str:
    return graph.node("AveragePool", values, kernel_shape=[side, side], strides=[side, side])


def _padded(graph: Graph, values: str, by: int) -> str:
    pads = graph.constant([0, 0, by, by, 0, 0, by, by], np.int64)
    return graph.node("Pad", values, pads, mode="edge")


def _gradients(graph: Graph, grey: str) -> str:
    angles = np.arange(_ORIENTATIONS) * np.pi / _ORIENTATIONS
    kernels = np.zeros((_ORIENTATIONS, 1, 3, 3))
    kernels[:, 0, 1, 2], kernels[:, 0, 1, 0] = np.cos(angles), -np.cos(angles)
    kernels[:, 0, 2, 1], kernels[:, 0, 0, 1] = np.sin(angles), -np.sin(angles)
    along = graph.node("Conv", _padded(graph, grey, 1), graph.constant(kernels))
    square = graph.node("Mul", along, along)
    # The squares along evenly spread directions sum to half their number times the gradient's.
    total = graph.node("ReduceSum", square, graph.axes(1), keepdims=1)
    size2 = graph.node("Mul", total, graph.constant(2.0 / _ORIENTATIONS))
    size2 = graph.node("Add", size2, graph.constant(1e-6))
    size3 = graph.node("Mul", size2, graph.node("Sqrt", size2))
    sharp = graph.node("Div", graph.node("Mul", square, square), size3)
    return graph.node("Sqrt", _pool(graph, sharp, CELL))


def _patterns(graph: Graph, grey: str) -> str:
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    kernels = np.zeros((8, 1, 3, 3))
    for number, (row, column) in enumerate(around):
        kernels[number, 0, row, column] = 1.0
        kernels[number, 0, 1, 1] -= 1.0
    difference = graph.node("Conv", _padded(graph, grey, 1), graph.constant(kernels))
    brighter = graph.node("GreaterOrEqual", difference, graph.constant(_LBP_MARGIN))
    bits = graph.node("Cast", brighter, to=TensorProto.FLOAT)
    turned = graph.node("Gather", bits, graph.constant([7, 0, 1, 2, 3, 4, 5, 6], np.int64), axis=1)
    changes = graph.node("Abs", graph.node("Sub", bits, turned))
    changes = graph.node("ReduceSum", changes, graph.axes(1), keepdims=1)
    count = graph.node("ReduceSum", bits, graph.axes(1), keepdims=1)
    uniform = graph.node("LessOrEqual", changes, graph.constant(2.5))
    code = graph.node("Where", uniform, count, graph.constant(9.0))
    codes = graph.constant(np.arange(10.0).reshape(1, 10, 1, 1))
    distance = graph.node("Abs", graph.node("Sub", code, codes))
    same = graph.node("Cast", graph.node("Less", distance, graph.constant(0.5)),
                      to=TensorProto.FLOAT)  # fmt: skip
    return _pool(graph, same, CELL)


def _waves(graph: Graph, grey: str) -> str:
    half = _pool(graph, grey, 2)
    found = []
    for wavelength in _WAVELENGTHS:
        even, odd = [], []
        for direction in range(_DIRECTIONS):
            pair = _gabor(wavelength, direction * np.pi / _DIRECTIONS)
            even.append(pair[0])
            odd.append(pair[1])
        kernels = np.stack(even + odd)[:, None]
        waves = graph.node(
            "Conv", _padded(graph, half, kernels.shape[2] // 2), graph.constant(kernels)
        )
        parts = graph.constant([_DIRECTIONS, _DIRECTIONS], np.int64)
        name = f"waves{wavelength}"
        graph.nodes.append(
            helper.make_node("Split", [waves, parts], [f"{name}e", f"{name}o"], name=name, axis=1)
        )
        energy = graph.node(
            "Add",
            graph.node("Mul", f"{name}e", f"{name}e"),
            graph.node("Mul", f"{name}o", f"{name}o"),
        )
        energy = graph.node("Sqrt", graph.node("Add", energy, graph.constant(1e-12)))
        found.append(_pool(graph, energy, CELL // 2))
    return graph.node("Concat", *found, axis=1)


def _gabor(wavelength: float, direction: float) -> tuple[Array, Array]:
    """The even and the odd filter, without a mean, their absolute values summing to one."""
    spread = wavelength / 2
    reach = int(3 * spread)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along = x * np.cos(direction) + y * np.sin(direction)
    bell = np.exp(-(x**2 + y**2) / (2 * spread**2))
    pair = []
    for wave in (np.cos, np.sin):
        kernel = bell * wave(2 * np.pi * along / wavelength)
        kernel = kernel - kernel.mean()
        pair.append((kernel / np.abs(kernel).sum()).astype(np.float32))
    return pair[0], pair[1]


def residual_score(graph: Graph, features: str, mean: Array, scale: Array, basis: Array) -> None:
    """What of the features is outside the normal ones: ``cells`` and ``score``.

    Args:
        mean: of normal photos: channels × rows × columns.
        scale: of each channel: channels × 1 × 1.
        basis: of the normal subspace: components × (channels · rows · columns).
    """
    channels, rows, columns = mean.shape
    centred = graph.node("Sub", features, graph.constant(mean[None]))
    values = graph.node("Div", centred, graph.constant(scale[None]))
    flat = graph.node("Flatten", values, axis=1)
    part = graph.node("MatMul", flat, graph.constant(basis.T))
    part = graph.node("MatMul", part, graph.constant(basis))
    rest = graph.node("Sub", flat, part)
    shape = graph.constant([-1, channels, rows, columns], np.int64)
    rest = graph.node("Reshape", rest, shape)
    square = graph.node("Mul", rest, rest)
    graph.node("ReduceMean", square, output="cells", axes=[1], keepdims=0)
    every = graph.node("Flatten", "cells", axis=1)
    top = graph.constant([min(TOP_CELLS, rows * columns)], np.int64)
    graph.nodes.append(helper.make_node("TopK", [every, top], ["most", "places"], axis=1))
    graph.node("ReduceMean", "most", output="score", axes=[1], keepdims=0)


def graph_file(
    graph: Graph, outputs: Mapping[str, Sequence[str | int]], metadata: Mapping[str, Any]
) -> bytes:
    """The graph as a file; the same graph is the same bytes.

    Args:
        outputs: names and shapes.
    """
    photo = helper.make_tensor_value_info("photo", TensorProto.UINT8, ["count", SIZE, SIZE, 3])
    made = helper.make_graph(
        graph.nodes,
        "lineal-photos",
        [photo],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        initializer=graph.constants,
    )
    return write_model(made, metadata)
