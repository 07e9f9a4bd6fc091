"""The memo: what steps already done made, so that the same work is not done twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import orjson
import structlog

log = structlog.get_logger(__name__)


class MemoOutput(NamedTuple):
    """An output payload as it was emitted."""

    type: str
    version: int
    data: bytes


class Memo(NamedTuple):
    """A step's identity and what it made."""

    step: bytes
    outputs: bytes


def pack(outputs: Sequence[MemoOutput]) -> bytes:
    """Outputs as the memo table keeps them."""
    return orjson.dumps([(type, version, data.decode()) for type, version, data in outputs])


def recall(connection: sqlite3.Connection, step: bytes) -> list[MemoOutput] | None:
    """The outputs of a step done before; None if it never was."""
    row = connection.execute("SELECT outputs FROM memo WHERE step = ?", (step,)).fetchone()
    if row is None:
        return None
    return [
        MemoOutput(type, version, data.encode()) for type, version, data in orjson.loads(row[0])
    ]


def keep_memos(connection: sqlite3.Connection, memos: Sequence[Memo]) -> None:
    """Remember steps. One that is known with other outputs raises an alarm: its stage is not
    deterministic, or something it reads is not recorded."""
    if not memos:
        return
    cursor = connection.executemany("INSERT OR IGNORE INTO memo VALUES (?, ?)", memos)
    if cursor.rowcount == len(memos):
        return
    for memo in memos:
        (outputs,) = connection.execute(
            "SELECT outputs FROM memo WHERE step = ?", (memo.step,)
        ).fetchone()
        if outputs != memo.outputs:
            log.error("stage.not_deterministic", step=memo.step.hex())
