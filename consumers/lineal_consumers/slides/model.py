"""Scores slides by what was learnt from others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


class SlideModel:
    """A loaded model.

    Raises:
        Reject: the file is none.
    """

    def __init__(self, data: bytes) -> None:
        from lineal_learning.onnx_file import open_model

        self._session, metadata = open_model(data, "slides", "features", "scorer")
        self.features: tuple[str, ...] = tuple(metadata["features"])
        self.scorer = str(metadata["scorer"])

    def scores(self, slides: Sequence[dict[str, float]]) -> Floats:
        """How likely slides are positive, by their features; all of the scorer it learnt from."""
        import numpy as np

        rows = [[slide[name] for name in self.features] for slide in slides]
        given = np.array(rows, dtype=np.float32).reshape(len(rows), len(self.features))
        (found,) = self._session.run(["value"], {"features": given})
        scores: Floats = found[:, 0].astype(np.float64)
        return scores


def score_slide(scorer: str, features: dict[str, float], model: str) -> float | None:
    """Score a slide with the model in a file; None: that learnt from tiles of another scorer.

    Raises:
        Reject: the file is no model of slides.
    """
    loaded = _loaded(model)
    if loaded.scorer != scorer or not set(loaded.features) <= features.keys():
        return None
    return float(loaded.scores([features])[0])


@lru_cache(maxsize=4)
def _loaded(path: str) -> SlideModel:
    """By path: objects are kept under their digest and never change."""
    return SlideModel(Path(path).read_bytes())
