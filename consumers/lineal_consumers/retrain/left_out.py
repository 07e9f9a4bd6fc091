"""Examples that are left out in turn: what a model that has not seen them says of them.

By chance to choose how to learn, since the model that is kept has seen about as many; by layout,
where there are several, to know how often it is wrong: the next document may come in a layout that
nobody has taught.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lineal_consumers.retrain.linear_classifiers import Array, Indices, Linear
from lineal_learning.documents.terms import ReadDocument

_FOLDS = 5
_ROWS, _COLUMNS = 12, 8
"""Into so many fields a first page is divided to see which layouts are alike."""


class LeftOut(NamedTuple):
    """What models say of documents that they have not seen."""

    scores: Array
    likeness: Array
    """To the mean of the class that is nearest."""

    def accuracy(self, wanted: Indices) -> float:
        return float((self.scores.argmax(axis=1) == wanted).mean())


def folds_by_chance(wanted: Indices, seed: int) -> Indices:
    """In which of the folds each document is left out: of each class about a fifth at a time."""
    chance = np.random.default_rng(seed)
    folds = np.empty(len(wanted), dtype=np.int64)
    for number in range(int(wanted.max()) + 1):
        places = chance.permutation(np.flatnonzero(wanted == number))
        # Two documents of a class are in two folds: no class is ever left out as a whole.
        folds[places] = (np.arange(len(places)) + number) % _FOLDS
    return folds


def folds_by_layout(documents: Sequence[ReadDocument], wanted: Indices, seed: int) -> Indices:
    """The same, but documents of one layout go together, as long as no more than half of a class is
    left out at once. Classes of one layout, and documents without places, are left out by chance.
    """
    folds = folds_by_chance(wanted, seed)
    layouts = _layouts(documents, seed)
    if layouts is None:
        return folds
    for number in range(int(wanted.max()) + 1):
        places = np.flatnonzero(wanted == number)
        if len(set(layouts[places].tolist())) == 1:
            continue
        most = len(places) // 2
        taken = [0] * _FOLDS
        for place in places.tolist():
            fold = int(layouts[place])
            if taken[fold] == most:  # to where the fewest are left out
                fold = int(np.argmin(taken))
            folds[place] = fold
            taken[fold] += 1
    return folds


def leave_out(
    learn: Callable[[Any, Indices], Linear], matrix: Any, wanted: Indices, folds: Indices
) -> LeftOut:
    """Learn without each fold, and ask about it."""
    scores = np.zeros((len(wanted), int(wanted.max()) + 1))
    likeness = np.zeros(len(wanted))
    for fold in np.unique(folds):
        known, left_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        fitted = learn(matrix[known], wanted[known])
        scores[left_out] = matrix[left_out] @ fitted.weights + fitted.bias
        cosines = (matrix[left_out] @ class_means(matrix[known], wanted[known]).T).todense()
        likeness[left_out] = np.asarray(cosines).max(axis=1)
    return LeftOut(scores, likeness)


def class_means(matrix: Any, wanted: Indices) -> Any:
    """The mean of each class, of length 1: classes by terms."""
    from scipy.sparse import csr_matrix
    from sklearn.preprocessing import normalize

    ones = csr_matrix((np.ones(len(wanted)), (wanted, np.arange(len(wanted)))))
    return normalize(ones @ matrix)


def temperature_of(scores: Array, wanted: Indices) -> tuple[float, float]:
    """The factor that makes the scores' softmax the best probabilities (Guo et al. 2017), and the
    mean negative logarithm of the right class's probability with it."""
    best = (1.0, math.inf)
    for factor in np.geomspace(0.1, 100, 121).tolist():
        logits = scores * factor
        logits = logits - logits.max(axis=1, keepdims=True)
        chosen = logits[np.arange(len(wanted)), wanted]
        loss = float((np.log(np.exp(logits).sum(axis=1)) - chosen).mean())
        if loss < best[1]:
            best = (factor, loss)
    return best


def _layouts(documents: Sequence[ReadDocument], seed: int) -> Indices | None:
    """Which first pages look alike, in at most as many groups as there are folds; None where all
    look the same, or nothing is known of it."""
    from sklearn.cluster import KMeans

    looks = np.array([_look(document) for document in documents])
    distinct = len(np.unique(looks.round(6), axis=0))
    if distinct < 2:
        return None
    groups = KMeans(min(_FOLDS, distinct), n_init=4, random_state=seed).fit_predict(looks)
    return np.asarray(groups, dtype=np.int64)


def _look(document: ReadDocument) -> Array:
    """How much is written in each field of the first page, of length 1."""
    fields = np.zeros((_ROWS, _COLUMNS))
    for word in document.pages[0].words if document.pages else ():
        row = min(_ROWS - 1, max(0, int(word.top * _ROWS)))
        column = min(_COLUMNS - 1, max(0, int(word.left * _COLUMNS)))
        fields[row, column] += max(0.0, word.width)
    look = np.sqrt(fields).ravel()
    length = float(np.sqrt((look**2).sum()))
    return np.asarray(look / length if length > 0 else look)
