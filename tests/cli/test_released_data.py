"""A data folder that the released version left is opened by this one, and everything is there."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tarfile
from pathlib import Path

import pytest

from lineal.daemon import Daemon
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.stages.discovery import installed_stages
from lineal.stages.fan_in_groups import other_parts
from lineal.store.database import Database
from lineal.store.tables import SCHEMA_VERSION
from lineal_schemas.envelope import first_event
from lineal_schemas.parts import Part
from tests.cli.conftest import Lineal, arrive

ARCHIVE = Path(__file__).parents[1] / "store" / "migrations" / "released-9.tar.xz"
"""See make_released_data.py beside it."""
STAGES = ("register", "classify", "ocr.scatter", "ocr", "ocr.gather", "nlp", "index")


class Waiting(Part, type="test.waiting_part", version=1):
    group_id: str = "g"
    count: int = 2


@pytest.fixture
def released(tmp_path: Path) -> Path:
    folder = tmp_path / "released"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def version(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / "lineal.db")) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_documents_ledger_and_search_are_there_and_the_log_is_made(
    lineal: Lineal, released: Path
) -> None:
    assert version(released) == 9
    old = lineal("documents", "--data", released)
    assert old.code == 1 and "lineal up" in old.err
    assert lineal("log", "checkpoint", "--data", released).code == 0
    assert version(released) == SCHEMA_VERSION
    documents = {
        item["name"]: item for item in lineal("documents", "--data", released, "--json").json
    }
    assert {name: item["status"] for name, item in documents.items()} == {
        "letter.txt": "indexed",
        "table.csv": "indexed",
        "page.html": "indexed",
        "broken.pdf": "rejected",
    }
    shown = lineal("show", "letter.txt", "--data", released, "--json").json
    assert (shown["owners"], shown["arrivals"]) == (["ada", "bert"], 2)
    (hit,) = lineal("search", "gearboxes", "--data", released, "--json").json
    assert hit["name"] == "letter.txt"
    text = lineal("show", "page.html", "--as", "text", "--data", released).text
    assert "blades were cleaned" in text
    steps = lineal("lineage", "letter.txt", "--data", released, "--json").json
    assert {step["stage"] for step in steps} >= set(STAGES)
    assert len(lineal("dead", "list", "--data", released, "--json").json) == 1


def test_it_verifies_and_is_rebuilt_and_backed_up(
    lineal: Lineal, released: Path, tmp_path: Path
) -> None:
    assert lineal("log", "checkpoint", "--data", released).code == 0
    verified = lineal("verify", "--data", released)
    assert verified.code == 0, verified.text
    before = lineal("documents", "--data", released, "--json").json
    assert lineal("rebuild", "--data", released).code == 0
    assert lineal("verify", "--data", released).code == 0
    assert lineal("documents", "--data", released, "--json").json == before
    assert lineal("backup", tmp_path / "backup", "--data", released).code == 0
    assert lineal("backup", "verify", tmp_path / "backup").code == 0
    with sqlite3.connect(released / "lineal.db") as connection:
        connection.execute("UPDATE registry SET name = 'forged.txt' WHERE name = 'letter.txt'")
    assert "registry: the row of" in lineal("verify", "--data", released).text


def test_daemons_go_on_and_make_nothing_twice(lineal: Lineal, released: Path) -> None:
    known = asyncio.run(_go_on(released))
    documents = lineal("documents", "--data", released, "--json").json
    assert {item["status"] for item in documents if item["name"] == "new.txt"} == {"indexed"}
    assert len(documents) == 5
    # Of the events of before, none was handled again.
    assert known == {"document.indexed": 4, "document.registered": 5}
    # What was made before is known: a replay takes it from the memo.
    replayed = lineal("replay", "--stage", "nlp", "--data", released, "--json")
    assert replayed.code == 0, replayed.err
    assert lineal("verify", "--data", released).code == 0


async def _go_on(folder: Path) -> dict[str, int]:
    settings = Settings(data=folder, durability="normal", workers=1)
    async with open_runtime(settings) as runtime:
        stages = installed_stages()
        daemon = Daemon(runtime, [stages[name] for name in STAGES])
        await daemon.start()
        await arrive(runtime, "new.txt", b"Something new about bearings.")
        while sum(g.lag for topic in await runtime.bus.topics() for g in topic.groups):
            await asyncio.sleep(0.02)
        await daemon.stop()
        return {
            info.topic: info.events
            for info in await runtime.bus.topics()
            if info.topic in ("document.indexed", "document.registered")
        }


async def test_parts_that_waited_for_their_group_still_do(released: Path) -> None:
    event = first_event(Waiting(index=0), id="e-0", source="test", time=1).to_json(exact=True)
    with contextlib.closing(sqlite3.connect(released / "lineal.db")) as connection, connection:
        connection.execute(
            "INSERT INTO gathering (stage, whole, part, event) VALUES ('join', 'g', 0, ?)", (event,)
        )
    database = Database(released)
    database.open()
    try:
        others = other_parts(database.reader, "join", Waiting(index=1), "e-1").complete
        assert others is not None
        assert [(index, found.id) for index, found in others] == [(0, "e-0")]
    finally:
        await database.close()
