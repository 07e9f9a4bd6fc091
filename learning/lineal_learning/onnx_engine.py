"""Computes with ONNX files, by onnxruntime on the processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lineal_learning.engines import Engine, NoEngine
from lineal_schemas.serving import Tensor

if TYPE_CHECKING:
    from lineal_learning.engines import Array

_DATATYPES = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64",
    "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "float16": "FP16",
    "float": "FP32", "double": "FP64", "string": "BYTES",
}  # fmt: skip


class OnnxEngine(Engine):
    """An ONNX graph; one thread."""

    media_types = ("application/x-onnx",)

    def __init__(self, file: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        # Batches have any number of rows: memory that was large once is given back.
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(
                file.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
            self._inputs = tuple(map(_tensor, self._session.get_inputs()))
            self._outputs = tuple(map(_tensor, self._session.get_outputs()))
        except MemoryError:
            raise
        except Exception as error:  # onnxruntime has no base class for what it raises
            raise NoEngine(f"the file is no ONNX model: {error}") from error

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return self._outputs

    def infer(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        import numpy as np

        given = {
            name: array.astype(object) if array.dtype.kind in "US" else array
            for name, array in inputs.items()
        }
        found = self._session.run(list(outputs), given)
        return {
            name: np.asarray(array, np.str_) if array.dtype.kind == "O" else array
            for name, array in zip(outputs, found, strict=True)
        }


def _tensor(value: object) -> Tensor:
    kind = value.type.removeprefix("tensor(").removesuffix(")")  # type: ignore[attr-defined]
    if kind not in _DATATYPES:
        raise NoEngine(f"{value.name} is of {value.type}")  # type: ignore[attr-defined]
    shape = tuple(
        size if isinstance(size, int) else -1
        for size in value.shape  # type: ignore[attr-defined]
    )
    return Tensor(name=value.name, datatype=_DATATYPES[kind], shape=shape)  # type: ignore[attr-defined, arg-type]
