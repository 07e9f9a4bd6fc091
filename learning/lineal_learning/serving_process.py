"""What a process that serves one version of a model runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal_learning.engines import Engine, infer_rows, load_engine
from lineal_learning.trial import memory_mb

if TYPE_CHECKING:
    from lineal_learning.engines import Array


class Computed(NamedTuple):
    """Answers to all rows of a batch."""

    outputs: dict[str, Array]
    seconds: float
    """What the model took."""
    memory_mb: float
    """Of the process, afterwards."""


@lru_cache(maxsize=1)
def _loaded(file: str, media_type: str) -> Engine:
    return load_engine(Path(file), media_type)


def compute(
    file: str, media_type: str, inputs: Mapping[str, Array], outputs: Sequence[str]
) -> Computed:
    """The outputs of a model, loaded at the first call.

    Raises:
        NoEngine: the file is no model.
        Exception: whatever the model's library raises.
    """
    engine = _loaded(file, media_type)
    begun = time.perf_counter()
    found = infer_rows(engine, inputs, outputs)
    return Computed(found, time.perf_counter() - begun, memory_mb())
