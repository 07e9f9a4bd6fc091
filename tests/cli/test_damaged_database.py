"""A disk that flips bytes: it is found, work does not begin, and every command says what to do."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from random import Random

import pytest

from tests.cli.conftest import Answer, Lineal
from tests.proof.ledgers import make_ledger

PAGE = 4096


def garble(data: Path, random: Random, page: int, size: int) -> None:
    """Overwrite a part of a page with chance, as a disk does behind everybody's back."""
    empty_log(data)
    overwrite(data, page * PAGE + random.randrange(PAGE - size + 1), random.randbytes(size))


def empty_log(data: Path) -> None:
    """Bring what was written ahead into the database."""
    with contextlib.closing(sqlite3.connect(data / "lineal.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def overwrite(data: Path, at: int, content: bytes) -> None:
    with (data / "lineal.db").open("r+b") as file:
        file.seek(at)
        file.write(content)


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


def lost_something(done: Answer) -> bool:
    """By which `lineal salvage` ends 1: a page of the schema alone costs nothing."""
    said = {name for name, value in done.json.items() if value and name != "pages_lost"}
    kept = {"complete", "rows", "objects", "records_put_back"}
    assert ("complete" in said) == (said <= kept)
    return not said <= kept


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
    assert done.code == lost_something(done), done.err
    assert set(done.json["records_lost"]) == before - records(new)
    found = lineal("verify", "--data", new, "--json").json
    lost = {item["record"] for item in found["findings"] if item["check"] == "log"} - {None}
    assert set(done.json["records_lost"]) <= lost
    assert lineal("documents", "--data", new).code == 0


def rows(folder: Path) -> dict[str, list[str]]:
    """What the tables of a data folder hold that no record brings back."""
    with contextlib.closing(sqlite3.connect(folder / "lineal.db")) as connection:
        return {
            name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}")))
            for name in (
                "builds", "claims", "events", "group_partitions", "groups", "ledger",
                "ledger_log", "ledger_tiles", "memo", "objects", "partitions", "search_entries",
                "search_facets", "search_text", "state", "store_secrets", "topics",
            )
        }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "size"),
    [
        pytest.param(0, PAGE, id="all of it"),
        pytest.param(0, 16, id="the name of the format"),
        pytest.param(16, 84, id="the rest of the header"),
        pytest.param(100, 12, id="the head of the tree"),
        pytest.param(112, 12, id="where its parts are"),
        pytest.param(PAGE - 200, 200, id="its end"),
    ],
)
def test_a_damaged_first_page_costs_nothing_but_itself(
    lineal: Lineal, data: Path, tmp_path: Path, first: int, size: int
) -> None:
    """Nobody finds the tables without it; the parts of the schema are on pages of their own."""
    before = rows(data)
    empty_log(data)
    overwrite(data, first, Random(first).randbytes(size))
    new = tmp_path / "new"
    done = lineal("salvage", new, "--data", data, "--json")
    assert done.code == 0, done.err
    lost = {name: value for name, value in done.json.items() if value and "lost" in name}
    assert lost in ({}, {"pages_lost": [1]})
    assert rows(new) == before
    verified = lineal("verify", "--data", new)
    assert verified.code == 0, verified.text


def pages_of_schema(data: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(data / "lineal.db")) as connection:
        found = connection.execute(
            "SELECT pageno FROM dbstat WHERE name IN ('sqlite_schema', 'sqlite_master')"
        )
        return sorted(page for (page,) in found)


def test_tables_are_found_without_a_schema(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    before = rows(data)
    lost = pages_of_schema(data)
    empty_log(data)
    for page in lost:
        overwrite(data, (page - 1) * PAGE, Random(page).randbytes(PAGE))
    new = tmp_path / "new"
    done = lineal("salvage", new, "--data", data, "--json")
    assert done.code == 0, done.err
    assert done.json["records_lost"] == done.json["tables_lost"] == []
    assert 1 in done.json["pages_lost"]
    assert rows(new) == before
    assert lineal("verify", "--data", new).code == 0


@pytest.mark.parametrize("number", range(6))
def test_random_bytes_of_a_database_cost_few_rows(
    lineal: Lineal, data: Path, tmp_path: Path, number: int
) -> None:
    """Of rows that are on no damaged page, none is lost, also those of tables whose root is."""
    random = Random(200 + number)
    before = rows(data)
    empty_log(data)
    overwrite(data, 0, random.randbytes(PAGE))
    for _ in range(3):
        size = random.choice([16, 512, PAGE])
        overwrite(data, random.randrange(PAGE, pages(data) * PAGE - size), random.randbytes(size))
    new = tmp_path / "new"
    done = lineal("salvage", new, "--data", data, "--json")
    assert done.code == lost_something(done), done.err
    said = {*done.json["tables_lost"], *done.json["tables_incomplete"]}
    assert 1 in done.json["pages_lost"]
    if not done.json["pages_unassigned"]:
        changed = {name for name, value in rows(new).items() if not set(value) >= set(before[name])}
        assert len(changed) <= 3
        # A row may be changed without any sign of it, except where there are digests.
        assert {"ledger", "objects"} & changed <= said
    shown = lineal("salvage", tmp_path / "again", "--data", data)
    assert "lost pages of the database: 1" in shown.text


@pytest.mark.parametrize("remains", [None, b""])
def test_without_a_database_what_is_outside_is_taken(
    lineal: Lineal, data: Path, tmp_path: Path, remains: bytes | None
) -> None:
    for name in ("lineal.db", "lineal.db-wal", "lineal.db-shm"):
        (data / name).unlink(missing_ok=True)
    if remains is not None:
        (data / "lineal.db").write_bytes(remains)
    new = tmp_path / "new"
    done = lineal("salvage", new, "--data", data)
    assert done.code == 1, done.err
    assert "missing or empty" in done.text and "lost records: 1, 2, " in done.text
    assert (new / "checkpoints" / "checkpoint").is_file() and (new / "log.key").is_file()
    assert lineal("verify", "--data", new).code == 1


def test_what_was_only_written_ahead_is_taken(lineal: Lineal, data: Path, tmp_path: Path) -> None:
    """As after a kill: the last transactions are in the log beside the database."""
    with contextlib.closing(sqlite3.connect(data / "lineal.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE filler (x)")
        connection.execute("DROP TABLE filler")
        connection.execute(
            "INSERT INTO state (stage, name, event_id, after) "
            "VALUES ('register', 'ahead', 'event', ?)",
            (b"x" * 10_000,),
        )
        connection.commit()
        connection.execute(
            "INSERT INTO state (stage, name, event_id, after) "
            "VALUES ('register', 'not', 'event', '')"
        )
        killed = tmp_path / "killed"
        shutil.copytree(data, killed)
        connection.rollback()
        before = rows(data)
    assert (killed / "lineal.db-wal").stat().st_size > PAGE
    overwrite(killed, 0, bytes(PAGE))
    new = tmp_path / "new"
    done = lineal("salvage", new, "--data", killed, "--json")
    assert done.code == 0, done.err
    assert rows(new) == before


def test_one_page_costs_what_was_on_it_only(lineal: Lineal, tmp_path: Path) -> None:
    folder = tmp_path / "long"
    make_ledger(folder, [600])
    with contextlib.closing(sqlite3.connect(folder / "lineal.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    random = Random(1)
    lost = []
    for page in random.sample(range(1, pages(folder) + 1), 12):
        damaged, new = tmp_path / f"damaged-{page}", tmp_path / f"new-{page}"
        shutil.copytree(folder, damaged)
        garble(damaged, random, page - 1, PAGE)
        done = lineal("salvage", new, "--data", damaged, "--json")
        assert done.code == lost_something(done), done.err
        lost.append(len(done.json["records_lost"]))
        assert len(records(new)) == 600 - lost[-1]
    assert 0 < max(lost) < 60, lost
