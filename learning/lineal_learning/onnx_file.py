"""Writes and opens ONNX files: the graph to compute with, and what it was learnt from beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lineal.errors import Reject

if TYPE_CHECKING:
    from onnx import GraphProto, OperatorSetIdProto

_ERRORS_ONLY = 3
"""Of onnxruntime's levels of its log."""
_OPSET, _IR = 17, 8
"""Read by every onnxruntime since 1.14."""
_PREFIX = "lineal."


class OnnxModel(NamedTuple):
    """An opened model."""

    session: Any
    """Of onnxruntime."""
    metadata: dict[str, Any]
    """What was written with it."""


def write_model(
    graph: GraphProto, metadata: Mapping[str, object], opsets: tuple[OperatorSetIdProto, ...] = ()
) -> bytes:
    """A checked file of a graph; the same bytes for the same graph and metadata.

    Args:
        metadata: what can be written as JSON.
        opsets: beside ONNX's own.
    """
    from onnx import checker, helper

    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET), *opsets], ir_version=_IR
    )
    model.producer_name = "lineal"
    for key, said in sorted(metadata.items()):
        entry = model.metadata_props.add()
        entry.key, entry.value = f"{_PREFIX}{key}", json.dumps(said, sort_keys=True)
    checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def open_model(data: bytes, of: str, *needed: str, threads: int = 1) -> OnnxModel:
    """Open a file that ``write_model`` wrote.

    Args:
        of: what it is a model of, in words: ``clicks``.
        needed: metadata that it must have.

    Raises:
        Reject: the file is no such model.
    """
    try:
        session = open_session(data, threads)
        written = session.get_modelmeta().custom_metadata_map
        metadata = {
            key.removeprefix(_PREFIX): json.loads(said)
            for key, said in written.items()
            if key.startswith(_PREFIX)
        }
    except Exception as error:  # onnxruntime has no base class for what it raises
        raise Reject(f"the file is no model of {of}") from error
    if missing := [name for name in needed if name not in metadata]:
        raise Reject(f"the file is no model of {of}: it does not say its {', '.join(missing)}")
    return OnnxModel(session, metadata)


def open_session(data: bytes, threads: int = 1) -> Any:
    """A session of onnxruntime on the processor. What it raises for a file that is no model has no
    base class but Exception."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
