"""What is tried again, how often, and how far apart."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from lineal.errors import PermanentFailure, Reject, StoreUnavailable
from lineal.stages.retry import RetryPolicy, unavailable
from lineal.store.sqlite import connect
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout

POLICY = RetryPolicy(attempts=5, costly_attempts=2, total_seconds=60)


def attempts_made(error: Exception, policy: RetryPolicy = POLICY) -> int:
    return next(n for n in range(1, 1000) if policy.gives_up(error, n, 0.0))


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (Reject("never"), 1),
        (PermanentFailure("never"), 1),
        (ConnectionError(), 5),
        (ValueError(), 5),
        (WorkerCrashed(), 5),
        (WorkerTimeout(), 2),
        (WorkerTimeout(starved=True), 5),
        (WorkerOutOfMemory(), 2),
    ],
)
def test_how_often(error: Exception, attempts: int) -> None:
    assert attempts_made(error) == attempts


def test_no_attempt_is_begun_after_the_total_time() -> None:
    assert not POLICY.gives_up(ValueError(), 1, 59.9)
    assert POLICY.gives_up(ValueError(), 1, 60.0)


def full_disk(folder: Path) -> Exception:
    with contextlib.closing(connect(folder / "full.db", "normal")) as connection:
        connection.execute("CREATE TABLE t (data)")
        connection.execute("PRAGMA max_page_count = 2")
        with pytest.raises(StoreUnavailable) as caught:
            connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    return caught.value


def mistaken_statement(folder: Path) -> Exception:
    connection = connect(folder / "other.db", "normal")
    with contextlib.closing(connection), pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("SELECT FROM")
    return caught.value


def test_events_are_not_given_up_for_want_of_room(tmp_path: Path) -> None:
    for error in (
        OSError(errno.ENOSPC, "full"),
        OSError(errno.EMFILE, "many"),
        full_disk(tmp_path),
    ):
        assert unavailable(error)
        assert not POLICY.gives_up(error, 1000, 1e6)


def test_mistakes_are_not_taken_for_want_of_room(tmp_path: Path) -> None:
    for error in (OSError(errno.ENOENT, "gone"), mistaken_statement(tmp_path), MemoryError()):
        assert not unavailable(error)
        assert attempts_made(error) == 5


def test_pauses_grow_and_are_bounded() -> None:
    policy = RetryPolicy(first_seconds=0.5, max_seconds=10)
    pauses = policy.pauses()
    found = [pauses(SimpleNamespace(attempt_number=n)) for n in range(1, 12)]  # type: ignore[arg-type]
    for attempt, pause in enumerate(found):
        assert min(0.5 * 2**attempt, 10) <= pause <= min(0.5 * 2**attempt + 0.5, 10)
