"""A disk that flips bytes: it is found, work does not begin, and every command says what to do."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from random import Random

import pytest

from tests.cli.conftest import Lineal
from tests.proof.ledgers import make_ledger

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


def records(folder: Path) -> set[int]:
    with contextlib.closing(sqlite3.connect(folder / "lineal.db")) as connection:
        return {seq for (seq,) in connection.execute("SELECT seq FROM ledger")}


def test_an_undamaged_folder_is_taken_as_a_whole(
    lineal: Lineal, data: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    done = lineal("salvage", new, "--data", data, "--json")
    assert done.code == 0, done.err
    assert done.json["records_lost"] == done.json["objects_lost"] == done.json["tables_lost"] == []
    verified = lineal("verify", "--data", new)
    assert verified.code == 0, verified.text
    for asked in (("documents",), ("search", "gearboxes"), ("lineage", "letter.txt")):
        shown = [lineal(*asked, "--json", "--data", folder).json for folder in (data, new)]
        assert shown[0] == shown[1]
    assert lineal("salvage", new, "--data", data).code == 1


@pytest.mark.parametrize("number", range(5))
def test_what_is_lost_is_said(lineal: Lineal, data: Path, tmp_path: Path, number: int) -> None:
    random = Random(100 + number)
    before = records(data)
    garble(data, random, random.randrange(1, pages(data)), PAGE)
    new = tmp_path / "new"
    done = lineal("salvage", new, "--data", data, "--json")
    assert done.code == 0, done.err
    assert set(done.json["records_lost"]) == before - records(new)
    found = lineal("verify", "--data", new, "--json").json
    lost = {item["record"] for item in found["findings"] if item["check"] == "log"} - {None}
    assert set(done.json["records_lost"]) <= lost
    assert lineal("documents", "--data", new).code == 0


def test_one_page_costs_what_was_on_it_only(lineal: Lineal, tmp_path: Path) -> None:
    folder = tmp_path / "long"
    make_ledger(folder, [600])
    with contextlib.closing(sqlite3.connect(folder / "lineal.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        roots = {page for (page,) in connection.execute("SELECT rootpage FROM sqlite_master")}
        # Those of the schema are read by nothing else.
        of_schema = "SELECT pageno FROM dbstat WHERE name IN ('sqlite_schema', 'sqlite_master')"
        roots |= {page for (page,) in connection.execute(of_schema)}
    random = Random(1)
    lost = []
    for page in random.sample(sorted(set(range(2, pages(folder) + 1)) - roots), 12):
        damaged, new = tmp_path / f"damaged-{page}", tmp_path / f"new-{page}"
        shutil.copytree(folder, damaged)
        garble(damaged, random, page - 1, PAGE)
        done = lineal("salvage", new, "--data", damaged, "--json")
        assert done.code == 0, done.err
        lost.append(len(done.json["records_lost"]))
        assert len(records(new)) == 600 - lost[-1]
    assert 0 < max(lost) < 60, lost
