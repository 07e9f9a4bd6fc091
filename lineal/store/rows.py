"""Inserts many rows with few statements.

``executemany`` runs one statement a row, and gives up and takes back Python's global lock with
each: next to a busy event loop the writer thread would wait for it at every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from lineal.store.connection import Connection

_CHUNKS = (512, 128, 32, 8, 1)
"""Rows a statement takes; few sizes, so that the prepared statements stay in the cache."""


@lru_cache(maxsize=64)
def _statement(head: str, width: int, rows: int, tail: str) -> str:
    row = f"({', '.join('?' * width)})"
    return f"{head} VALUES {', '.join([row] * rows)} {tail}"


def insert_rows(
    connection: Connection, head: str, rows: Sequence[Sequence[Any]], tail: str = ""
) -> int:
    """Run ``head VALUES (...), ... tail`` for all rows; returns how many rows were inserted.

    ``head`` is like ``INSERT INTO table``; all rows have the same number of columns.
    """
    inserted = 0
    begin = 0
    for chunk in _CHUNKS:
        while len(rows) - begin >= chunk:
            part = rows[begin : begin + chunk]
            cursor = connection.execute(
                _statement(head, len(part[0]), chunk, tail), tuple(chain.from_iterable(part))
            )
            inserted += cursor.rowcount
            begin += chunk
    return inserted
