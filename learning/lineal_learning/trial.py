"""Tries a model before it answers anybody: run in a worker process, which may be killed.

A model that hangs runs into the time of its worker, one that takes too much memory into the limit
of its worker: whoever asks for a trial has to expect both.
"""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal_learning.engines import Engine, NoEngine, infer_rows, load_engine
from lineal_learning.golden import Golden, deviation, error_of, naive_error, read_golden
from lineal_schemas.serving import Tensor

if TYPE_CHECKING:
    from lineal_learning.engines import Array

_WARM_RUNS = 8
_MIN_SINGLE = 30


class Trial(NamedTuple):
    """How a model did."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    score: str
    problem: str
    """Why it does not take the golden samples; empty where it does, else the rest means nothing."""
    rows: int = 0
    deviation: float = 0.0
    error: float = 0.0
    naive_error: float = 0.0
    latency_ms: float = 0.0
    """Of one row, the 95th percentile."""
    grown_mb: float = 0.0
    """By so much memory it has grown over all runs after the first ones."""


def try_model(file: Path, media_type: str, golden: Path, runs: int) -> Trial:
    """Have a model answer its golden samples, again and again.

    Args:
        runs: how often a single row is computed, for latency and memory.
    """
    try:
        engine = load_engine(file, media_type)
    except NoEngine as error:
        return Trial((), (), "", str(error))
    wanted = read_golden(golden)
    problem = schema_error(engine, wanted)
    if problem:
        return Trial(engine.inputs, engine.outputs, wanted.chosen.output, problem)
    names = [tensor.name for tensor in engine.outputs]
    try:
        outputs = infer_rows(engine, wanted.chosen.inputs, names)
        single = [partial(_row, wanted, place % wanted.rows) for place in range(_MIN_SINGLE)]
        for take in single[:_WARM_RUNS]:
            engine.infer(take(), names)
        before, times = memory_mb(), []
        for number in range(max(runs, _MIN_SINGLE)):
            row = single[number % len(single)]()
            begun = time.perf_counter()
            engine.infer(row, names)
            times.append(time.perf_counter() - begun)
    except MemoryError:
        raise
    except Exception as error:  # whatever the library of an engine raises
        return Trial(
            engine.inputs, engine.outputs, wanted.chosen.output,
            f"it fails at its golden samples: {type(error).__name__}: {error}"[:500],
        )  # fmt: skip
    times.sort()
    return Trial(
        engine.inputs,
        engine.outputs,
        wanted.chosen.output,
        "",
        rows=wanted.rows,
        deviation=deviation(wanted, outputs),
        error=error_of(wanted.chosen, outputs),
        naive_error=naive_error(wanted.chosen),
        latency_ms=times[int(len(times) * 0.95)] * 1000,
        grown_mb=max(0.0, memory_mb() - before),
    )


def schema_error(engine: Engine, golden: Golden) -> str:
    """Why a model does not take the golden samples, or does not answer what they have; empty where
    all fits."""
    from lineal_learning.engines import datatype_of

    for which, tensors, arrays in (
        ("input", engine.inputs, golden.chosen.inputs),
        ("output", engine.outputs, golden.outputs),
    ):
        known = {tensor.name: tensor for tensor in tensors}
        if missing := sorted(arrays.keys() - known.keys()):
            return f"it has no {which} {', '.join(missing)}"
        if which == "input" and (others := sorted(known.keys() - arrays.keys())):
            return f"it wants an {which} {', '.join(others)} that was not recorded"
        for name, array in arrays.items():
            tensor = known[name]
            if datatype_of(array) != tensor.datatype:
                return f"its {which} {name} is {tensor.datatype}, recorded was {datatype_of(array)}"
            if not shape_fits(tensor.shape, array.shape):
                return (
                    f"its {which} {name} has the shape {tensor.shape}, recorded was {array.shape}"
                )
    if golden.chosen.output not in golden.outputs:
        return f"it has no output {golden.chosen.output}"
    return ""


def shape_fits(declared: tuple[int, ...], given: tuple[int, ...]) -> bool:
    """Whether an array of rows may be given where a shape is declared; -1 stands for any size, and
    a model of one row is given one after another."""
    return len(declared) == len(given) > 0 and all(
        size in (-1, other) for size, other in zip(declared[1:], given[1:], strict=True)
    )


def memory_mb() -> float:
    """Of this process, what is in memory; 0 where the system does not say."""
    try:
        resident = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0.0
    return int(resident) * os.sysconf("SC_PAGE_SIZE") / 1_000_000


def _row(golden: Golden, place: int) -> dict[str, Array]:
    return {name: array[place : place + 1] for name, array in golden.chosen.inputs.items()}
