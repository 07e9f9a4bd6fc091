"""The vectors that are nearest to one: exact, by reading all of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lineal_catalog.meaning.vector_file import VectorRows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lineal_catalog.meaning.engine import Vectors

_BLOCK = 1_024
"""Rows that are made floats at once: they stay in a core's cache until they are multiplied."""
_MIN_ROWS = 50_000
"""A thread is worth its while from here on."""
_FIRST = 2_000
"""Neighbours that are put into order at first."""


def cosines(rows: VectorRows, wanted: Vectors, threads: int = 2) -> npt.NDArray[np.float32]:
    """The cosine of each row with a vector of unit length."""
    import numpy as np

    count = len(rows.ids)
    found = np.empty(count, np.float32)
    parts = max(1, min(threads, count // _MIN_ROWS))
    edges = [count * part // parts for part in range(parts + 1)]

    def multiply(part: int) -> None:
        block = np.empty((_BLOCK, rows.vectors.shape[1]), np.float32)
        for begin in range(edges[part], edges[part + 1], _BLOCK):
            end = min(begin + _BLOCK, edges[part + 1])
            floats = block[: end - begin]
            np.copyto(floats, rows.vectors[begin:end])
            np.dot(floats, wanted, out=found[begin:end])

    if parts == 1:
        multiply(0)
    else:
        with ThreadPoolExecutor(parts) as pool:
            list(pool.map(multiply, range(parts)))
    found *= rows.inverse_lengths
    return found


def nearest(rows: VectorRows, wanted: Vectors) -> Iterator[tuple[int, float]]:
    """The ids of paragraphs with their cosines, the nearest first, without end until all are
    given: how many are needed depends on how many of them somebody may see."""
    import numpy as np

    found = cosines(rows, wanted)
    first = np.arange(len(found))
    if len(found) > _FIRST:
        first = np.argpartition(-found, _FIRST - 1)[:_FIRST]
    given: set[int] = set()
    for some in (first, None):
        # The rest is put into order only when the first are not enough.
        order = np.arange(len(found)) if some is None else some
        if len(given) == len(found):
            return
        for place in order[np.lexsort((rows.ids[order], -found[order]))]:
            if place not in given:
                given.add(place)
                yield int(rows.ids[place]), float(found[place])
