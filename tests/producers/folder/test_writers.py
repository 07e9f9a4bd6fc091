"""A file that a process has open for writing is known to be unfinished."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lineal_producers.folder.writers import writers_of


def test_writers_are_seen_while_they_write(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x")
    with path.open("rb") as reading:
        if writers_of(reading.fileno()) == "unknown":
            pytest.skip("this system or file system cannot tell")
        assert writers_of(reading.fileno()) == "none"
        with path.open("ab"):
            assert writers_of(reading.fileno()) == "some"
        assert writers_of(reading.fileno()) == "none"


def test_where_nobody_can_tell_it_says_so() -> None:
    reading, writing = os.pipe()  # has no leases, like a file on a network share
    try:
        assert writers_of(reading) == "unknown"
    finally:
        os.close(reading)
        os.close(writing)
