"""Engines: what loads a model's file and computes with it, by the file's media type.

A package brings one under the entry points ``lineal.engines``: a class, named after anything.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lineal.errors import LinealError
from lineal.plugins import plugins
from lineal_schemas.serving import Tensor

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.generic]

ENTRY_POINTS = "lineal.engines"


class NoEngine(LinealError, ValueError):
    """No installed package computes with files of this media type, or the file is no model."""


class Engine(ABC):
    """A model that is loaded: made, and used, in a process of its own.

    Args:
        file: of the model.

    Raises:
        NoEngine: the file is none.
    """

    media_types: ClassVar[tuple[str, ...]]

    @abstractmethod
    def __init__(self, file: Path) -> None: ...

    @property
    @abstractmethod
    def inputs(self) -> tuple[Tensor, ...]:
        """What it takes; the first dimension of each is the rows."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[Tensor, ...]:
        """What it answers with."""

    @abstractmethod
    def infer(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """The named outputs; of all rows at once."""


def load_engine(file: Path, media_type: str) -> Engine:
    """The model in a file.

    Raises:
        NoEngine: nobody computes with this media type, or the file is no model.
    """
    found = plugins(ENTRY_POINTS)
    for made in found.loaded.values():
        kind: type[Engine] = made
        if media_type in kind.media_types:
            return kind(file)
    there_are = sorted({one for kind in found.loaded.values() for one in kind.media_types})
    why = "".join(f" ({item})" for item in found.skipped)
    raise NoEngine(
        f"no installed engine computes with {media_type}{why}; there are: "
        f"{', '.join(there_are) or 'none'}"
    )


def is_batched(engine: Engine) -> bool:
    """Whether any number of rows may be given at once, and as many answers come out."""
    tensors = (*engine.inputs, *engine.outputs)
    return all(tensor.shape[:1] == (-1,) for tensor in tensors)


def infer_rows(
    engine: Engine, inputs: Mapping[str, Array], outputs: Sequence[str]
) -> dict[str, Array]:
    """The named outputs of some rows: all at once, or one after another where the model takes a
    fixed number."""
    import numpy as np

    if is_batched(engine):
        return engine.infer(inputs, outputs)
    rows = min((len(array) for array in inputs.values()), default=0)
    found = [
        engine.infer({name: array[at : at + 1] for name, array in inputs.items()}, outputs)
        for at in range(rows)
    ]
    return {name: np.concatenate([one[name].reshape(1, *one[name].shape[1:]) for one in found])
            for name in outputs}  # fmt: skip


DATATYPES: Mapping[str, str] = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "u2", "UINT32": "u4", "UINT64": "u8", "INT8": "i1",
    "INT16": "i2", "INT32": "i4", "INT64": "i8", "FP16": "f2", "FP32": "f4", "FP64": "f8",
    "BYTES": "U",
}  # fmt: skip
"""NumPy's name of each datatype of the Open Inference Protocol; ``BYTES`` are texts here."""


def datatype_of(array: Any) -> str:
    """The protocol's name of an array's type.

    Raises:
        NoEngine: it has none.
    """
    kind = array.dtype.str.lstrip("<>=|")
    if kind == "b1":
        return "BOOL"
    if kind[:1] in "US":
        return "BYTES"
    for name, wanted in DATATYPES.items():
        if wanted == kind:
            return name
    raise NoEngine(f"an array of {array.dtype} cannot be given out")
