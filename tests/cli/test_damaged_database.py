"""A disk that flips bytes: it is found, work does not begin, and every command says what to do."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from random import Random

import pytest

from tests.cli.conftest import Lineal

PAGE = 4096


def garble(data: Path, random: Random, page: int, size: int) -> None:
    """Overwrite a part of a page with chance, as a disk does behind everybody's back."""
    with contextlib.closing(sqlite3.connect(data / "lineal.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (data / "lineal.db").open("r+b") as file:
        file.seek(page * PAGE + random.randrange(PAGE - size + 1))
        file.write(random.randbytes(size))


def pages(data: Path) -> int:
    return (data / "lineal.db").stat().st_size // PAGE


@pytest.mark.parametrize("number", range(4))
def test_a_lost_page_is_found_by_doctor_and_verify_and_nobody_goes_on(
    lineal: Lineal, process: Lineal, data: Path, number: int
) -> None:
    random = Random(number)
    # All pages are in use: nothing was deleted.
    garble(data, random, 0 if number == 0 else random.randrange(1, pages(data)), PAGE)
    doctor = lineal("doctor", "--data", data, "--json", "--port", "0")
    assert doctor.code == 1
    (found,) = [check for check in doctor.json if check["name"] == "database"]
    assert found["state"] == "broken" and "lineal restore" in found["remedy"]
    for command in (("verify",), ("rebuild",), ("documents",)):
        answer = lineal(*command, "--data", data)
        if command != ("documents",):
            assert answer.code == 1, command
        assert "Traceback" not in answer.err
    if number < 2:
        up = process("up", "--data", data, "--port", "0", "--json")
        assert up.code == 1
        assert "lineal restore" in up.err


@pytest.mark.parametrize("number", range(12))
def test_flipped_bytes_end_no_command_with_a_traceback(
    lineal: Lineal, data: Path, number: int
) -> None:
    random = Random(number)
    garble(data, random, random.randrange(pages(data)), random.choice([1, 8, 512]))
    for command in (
        ("verify",), ("documents",), ("search", "turbine"), ("lineage", "letter.txt"),
        ("show", "letter.txt", "--as", "text"), ("rebuild",), ("rebuild", "--unverified"),
    ):  # fmt: skip
        answer = lineal(*command, "--data", data)  # raises what is no expected error
        assert answer.code in (0, 1), command
