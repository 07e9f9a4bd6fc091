"""One ``lineal up`` is killed, and another goes on where it was."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from lineal.runtime import open_runtime
from lineal.settings import Settings
from tests.faults.conftest import NewSystem
from tests.faults.files import PROSE, text_pdf
from tests.faults.system import System

PAGES = 600


def drop(system: System, names: list[str]) -> None:
    for name in names:
        (system.inbox / name).write_bytes(f"{name} is about lichen.\n{PROSE}".encode())


def parts_read(system: System) -> Counter[str]:
    """By step: how often a part of a document was read."""
    return Counter(
        str(record.step)
        for record in system.records()
        if record.build is not None and record.build.stage == "ocr"
    )


@pytest.mark.long
def test_a_long_document_goes_on_where_it_was(new_system: NewSystem, tmp_path: Path) -> None:
    system = new_system(tmp_path, variables={"LINEAL_WORKERS": "1"})
    system.start()
    pages = [f"Page {number} about lichen. {PROSE * 5}" for number in range(PAGES)]
    (system.inbox / "long.pdf").write_bytes(text_pdf(pages))
    system.until(lambda: len(parts_read(system)) >= 3, "some parts are read")
    system.kill()
    before = parts_read(system)
    system.start()
    system.until_final(["long.pdf"])

    assert system.document("long.pdf").status == "indexed"
    assert system.document("long.pdf").pages == PAGES
    after = parts_read(system)
    assert before.keys() <= after.keys()
    assert set(after.values()) == {1}
    with system.connection() as connection:
        entries = connection.execute("SELECT page FROM search_entries").fetchall()
    assert sorted(entries) == [(number,) for number in range(1, PAGES + 1)]


def test_of_two_on_one_folder_the_other_takes_over(new_system: NewSystem, tmp_path: Path) -> None:
    first = new_system(tmp_path / "first")
    second = new_system(
        tmp_path / "second",
        variables={"LINEAL_DATA": str(first.data), "LINEAL_INBOX": str(first.inbox)},
    )
    first.start()
    second.start()
    early = [f"early-{number}.txt" for number in range(30)]
    late = [f"late-{number}.txt" for number in range(10)]
    drop(first, early)
    first.until(lambda: first.event_ids("document.indexed"), "a first document is indexed")
    first.kill()
    drop(first, late)
    first.until_final([*early, *late])
    first.until_settled()

    assert {document.status for document in first.documents()} == {"indexed"}
    assert {document.arrivals for document in first.documents()} == {1}
    indexed = first.event_ids("document.indexed")
    assert len(indexed) == len(set(indexed)) == len(early) + len(late)
    workers = {record.worker for record in first.records()}
    assert len(workers) == 2, "both did a part of the work"
    assert second.stop() == 0


async def test_what_a_killed_process_had_not_finished_writing_is_removed(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, durability="normal")
    async with open_runtime(settings) as first:
        incoming = tmp_path / "objects" / "incoming"
        incoming.mkdir(parents=True)
        member = first.database.wakeups.member
        (incoming / f"{member}.begun").write_bytes(b"half of a fi")
        async with open_runtime(settings):
            assert [file.name for file in incoming.iterdir()] == [f"{member}.begun"]
    async with open_runtime(settings):
        assert list(incoming.iterdir()) == []
