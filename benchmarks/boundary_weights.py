"""``python -m benchmarks.boundary_weights``: learns the weights that ``split`` has for its signals.

From stacks in layouts that are drawn by chance, one to three of them in a stack; half of the stacks
are disturbed as scans are: sizes of words vary, and some words are not read. None of these layouts
is in the benchmark. The weights that are chosen stay as they are: the others are learnt beside
them.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.document_types import DRAWN_LAYOUT
from benchmarks.streams import Stack, stack
from lineal_consumers.split.boundaries import CHOSEN, SIGNALS, signals_of
from lineal_learning.documents.terms import ReadDocument, ReadPage

_STACKS = 60
_STRENGTH = 0.0005
"""Of the penalty of a weight's square, a page."""


def scanned(document: ReadDocument, seed: int) -> ReadDocument:
    """A document as recognition reads it: heights are those of letters, and some words are lost."""
    chance = random.Random(seed)
    pages = []
    for page in document.pages:
        size = chance.gauss(1.0, 0.03)
        words = tuple(
            word._replace(
                height=word.height * size * chance.uniform(0.85, 1.1),
                left=word.left + chance.gauss(0.0, 0.004),
            )
            for word in page.words
            if chance.random() > 0.03
        )
        pages.append(ReadPage(page.text, words))
    return ReadDocument(tuple(pages))


def drawn(folder: Path, seed: int) -> Stack:
    """A stack for development."""
    layouts = [DRAWN_LAYOUT + 7 * seed + number for number in range(1 + seed % 3)]
    made = stack(folder, 10_000 + seed, layouts)
    return made if seed % 2 else made._replace(read=scanned(made.read, seed))


def learnt(rows: Any, begins: Any) -> Any:
    """The weights of the signals that are not chosen, and the bias."""
    from scipy.optimize import minimize

    chosen = rows[:, : len(CHOSEN)] @ np.array(CHOSEN)
    others = np.column_stack([rows[:, len(CHOSEN) :], np.ones(len(rows))])

    def loss(weights: Any) -> float:
        weighed = (chosen + others @ weights) * np.where(begins, 1.0, -1.0)
        penalty = _STRENGTH * (weights[:-1] ** 2).mean()
        return float(np.logaddexp(0.0, -weighed).mean() + penalty)

    return minimize(loss, np.zeros(others.shape[1]), method="L-BFGS-B").x


def main() -> int:
    rows, begins = [], []
    with tempfile.TemporaryDirectory() as name:
        for seed in range(_STACKS):
            made = drawn(Path(name), seed)
            rows += signals_of(made.read)
            begins += [page in made.begins for page in range(2, len(made.read.pages) + 1)]
    weights = learnt(np.array(rows), np.array(begins))
    for signal, weight in zip((*SIGNALS[len(CHOSEN) :], "bias"), weights, strict=True):
        print(f"{signal}: {weight:.1f}")
    print(tuple(round(float(weight), 1) for weight in weights))
    return 0


if __name__ == "__main__":
    sys.exit(main())
