"""Golden samples: inputs of the test part, what the model answered to them, and what is true.

They are recorded when a model is evaluated. Whoever serves the model later has it answer again:
other answers are the work of another file, library or machine, and answers far from the truth that
of a bad model, whoever has put it into use.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lineal_learning.engines import Array

Measure = Literal["probability", "amount", "score", "label"]
"""How an answer is compared with the truth: ``probability`` with 0 or 1, ``amount`` with a number,
``score`` by the side of the threshold it is on, ``label`` as a text."""
MEDIA_TYPE = "application/x-npz"


class GoldenInputs(NamedTuple):
    """What a learner chooses of its test part."""

    inputs: Mapping[str, Array]
    """By the names of the model's inputs; rows first."""
    truth: Array
    """Of each row: numbers, or texts."""
    measure: Measure
    output: str
    """The model's output that is compared with the truth."""
    threshold: float | None = None
    """Of a ``score``."""


class Golden(NamedTuple):
    """Golden samples with the answers of a model."""

    chosen: GoldenInputs
    outputs: Mapping[str, Array]

    @property
    def rows(self) -> int:
        return len(self.chosen.truth)


def record_golden(chosen: GoldenInputs, model: Path, media_type: str) -> bytes:
    """The file of golden samples with the answers of this model.

    Raises:
        NoEngine: nobody computes with this kind of file.
    """
    from lineal_learning.engines import infer_rows, load_engine

    engine = load_engine(model, media_type)
    outputs = infer_rows(engine, chosen.inputs, [tensor.name for tensor in engine.outputs])
    return to_file(Golden(chosen, outputs))


def to_file(golden: Golden) -> bytes:
    """An ``.npz`` whose bytes depend on its content only."""
    import numpy as np

    chosen = golden.chosen
    said = {"measure": chosen.measure, "output": chosen.output, "threshold": chosen.threshold}
    arrays: dict[str, Any] = {
        "about": np.frombuffer(json.dumps(said, sort_keys=True).encode(), np.uint8),
        "truth": chosen.truth,
        **{f"input/{name}": array for name, array in sorted(chosen.inputs.items())},
        **{f"output/{name}": array for name, array in sorted(golden.outputs.items())},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue())
    return buffer.getvalue()


def read_golden(file: Path) -> Golden:
    """What :func:`to_file` has written."""
    import numpy as np

    with np.load(file, allow_pickle=False) as arrays:
        said = json.loads(arrays["about"].tobytes())
        parts: dict[str, dict[str, Any]] = {"input": {}, "output": {}}
        for name in arrays.files:
            kind, found, rest = name.partition("/")
            if found:
                parts[kind][rest] = arrays[name]
        chosen = GoldenInputs(parts["input"], arrays["truth"], **said)
        return Golden(chosen, parts["output"])


def deviation(golden: Golden, outputs: Mapping[str, Array]) -> float:
    """The largest difference to the recorded answers: relative where they are above 1, absolute
    below; infinite where a text, a shape or an output differs, or a number is none."""
    import numpy as np

    worst = 0.0
    for name, wanted in golden.outputs.items():
        found = outputs.get(name)
        if found is None or found.shape != wanted.shape:
            return float("inf")
        if wanted.dtype.kind not in "biuf":
            if not np.array_equal(found, wanted):
                return float("inf")
            continue
        old, new = wanted.astype(np.float64), found.astype(np.float64)
        same = (old == new) | (np.isnan(old) & np.isnan(new))
        apart = np.where(same, 0.0, np.abs(new - old) / np.maximum(np.abs(old), 1.0))
        worst = max(worst, float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0)))
    return worst


def error_of(chosen: GoldenInputs, outputs: Mapping[str, Array]) -> float:
    """How far answers are from the truth: mean squared error of a ``probability`` (Brier 1950),
    mean absolute error of an ``amount``, share of wrong answers else."""
    import numpy as np

    answers, truth = outputs[chosen.output].reshape(len(chosen.truth), -1)[:, 0], chosen.truth
    if chosen.measure == "label":
        return float((answers != truth).mean())
    values, wanted = answers.astype(np.float64), truth.astype(np.float64)
    if not np.isfinite(values).all():
        return float("inf")
    if chosen.measure == "probability":
        return float(((values - wanted) ** 2).mean())
    if chosen.measure == "amount":
        return float(np.abs(values - wanted).mean())
    above = values > (0.0 if chosen.threshold is None else chosen.threshold)
    return float((above != (wanted > 0)).mean())


def naive_error(chosen: GoldenInputs) -> float:
    """The error of the best answer that is the same for all: what knowing nothing costs."""
    import numpy as np

    if chosen.measure == "label":
        _, counts = np.unique(chosen.truth, return_counts=True)
        return 1 - float(counts.max()) / len(chosen.truth)
    wanted: npt.NDArray[np.float64] = chosen.truth.astype(np.float64)
    if chosen.measure == "probability":
        return float(wanted.mean() * (1 - wanted.mean()))
    if chosen.measure == "amount":
        return float(np.abs(wanted - np.median(wanted)).mean())
    share = float((wanted > 0).mean())
    return min(share, 1 - share)
