"""Chooses the most central sentences.

Source: Erkan, Radev, "LexRank: Graph-based Lexical Centrality as Salience in Text Summarization",
JAIR 22 (2004), which is TextRank (Mihalcea, Tarau, 2004) with the cosine of tf-idf vectors; chosen
one after the other so that none repeats another (maximal marginal relevance, Carbonell, Goldstein,
1998).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lineal_catalog.summaries.sentences import Sentence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MAX_RANKED = 1_500
"""Sentences in the graph: its matrix has the square of it."""
_MAX_TERMS = 5_000
_DAMPING = 0.85
_ROUNDS = 60
_CONVERGED = 1e-6
_LIKE = 0.08
"""Cosine under which sentences are not neighbours."""
_REPEATING = 0.5
"""Weight of likeness to what was chosen already."""
_FIRST = 0.3
"""How much more a sentence counts at the begin of its document than at its end."""


def rank(sentences: Sequence[Sentence], number: int) -> list[tuple[Sentence, float]]:
    """The most central sentences with their scores from 0 to 1, in the order of the documents."""
    import numpy as np

    if len(sentences) > _MAX_RANKED:
        sentences = _spread(sentences, _MAX_RANKED)
    if not sentences:
        return []
    vectors = tf_idf([item.stems for item in sentences], _MAX_TERMS)[0]
    like = vectors @ vectors.T
    np.fill_diagonal(like, 0.0)
    graph = np.where(like >= _LIKE, like, 0.0)
    sums = graph.sum(axis=1, keepdims=True)
    # Who has no neighbours recommends all alike.
    steps = np.where(sums > 0, graph / np.where(sums > 0, sums, 1), 1 / len(sentences))
    scores = np.full(len(sentences), 1 / len(sentences))
    for _ in range(_ROUNDS):
        following = (1 - _DAMPING) / len(sentences) + _DAMPING * (scores @ steps)
        moved = float(np.abs(following - scores).sum())
        scores = following
        if moved < _CONVERGED:
            break
    scores = scores * (1 + _FIRST * (1 - np.array([item.position for item in sentences])))
    scores = scores / scores.max()
    chosen: list[int] = []
    worth = scores.copy()
    for _ in range(min(number, len(sentences))):
        best = int(worth.argmax())
        if worth[best] == -np.inf:
            break
        chosen.append(best)
        worth[best] = -np.inf
        worth = np.minimum(worth, scores - _REPEATING * like[best])
        worth[chosen] = -np.inf
    return [(sentences[at], round(float(scores[at]), 4)) for at in sorted(chosen)]


def _spread(sentences: Sequence[Sentence], number: int) -> list[Sentence]:
    step = len(sentences) / number
    return [sentences[int(at * step)] for at in range(number)]


def tf_idf(
    texts: Sequence[Sequence[str]], max_terms: int
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Rows of unit length, one for each text, and the stem of each column: the most frequent ones
    that occur in several texts, if there are such."""
    import numpy as np

    counted = [Counter(stems) for stems in texts]
    spread = Counter(stem for counts in counted for stem in counts)
    several = [stem for stem, count in spread.items() if count > 1] or list(spread)
    several.sort(key=lambda stem: (-spread[stem], stem))
    terms = several[:max_terms]
    column = {stem: at for at, stem in enumerate(terms)}
    matrix = np.zeros((len(texts), len(terms)))
    for row, counts in enumerate(counted):
        for stem, count in counts.items():
            if (at := column.get(stem)) is not None:
                matrix[row, at] = 1 + np.log(count)
    matrix *= np.log((1 + len(texts)) / np.array([spread[stem] for stem in terms])) + 0.1
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix / np.where(lengths > 0, lengths, 1), terms
