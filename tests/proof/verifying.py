"""Verifying a data folder as the command does, in the process of the test."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lineal.proof.files import CheckpointFiles
from lineal.proof.keys import read_verifier_keys
from lineal.proof.ledger_check import LedgerCheck
from lineal.proof.verification import VerificationContext, Verified, run_checks
from lineal.store.sqlite import SqliteConnection, connect_read_only


@contextlib.contextmanager
def context_of(folder: Path, **given: Any) -> Iterator[VerificationContext]:
    opened = connect_read_only(folder / "lineal.db", busy_seconds=1)
    keys = read_verifier_keys(folder / "log.key")[-1:]
    with contextlib.closing(opened) as connection:
        outside = CheckpointFiles(folder / "checkpoints").load()
        yield VerificationContext(connection, folder, outside, keys, **given)


def verify(folder: Path, **given: Any) -> Verified:
    with context_of(folder, **given) as context:
        return run_checks([LedgerCheck()], context)


@contextlib.contextmanager
def tampering(folder: Path) -> Iterator[sqlite3.Connection]:
    """A connection of somebody who may write the database file, with whatever program."""
    connection = sqlite3.connect(
        folder / "lineal.db", isolation_level=None, factory=SqliteConnection
    )
    with contextlib.closing(connection):
        connection.execute("PRAGMA synchronous = OFF")
        yield connection
