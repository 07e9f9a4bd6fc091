"""Opens ONNX files to compute with them."""

from __future__ import annotations

from typing import Any

_ERRORS_ONLY = 3
"""Of onnxruntime's levels of its log."""


def open_session(data: bytes, threads: int = 1) -> Any:
    """A session of onnxruntime on the processor. What it raises for a file that is no model has no
    base class but Exception."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
