"""CSV files dropped into a folder: each is taken once and put aside, whenever the agent dies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lineal_edge.sources.csv_folder import CsvFolder, FolderSource
from lineal_edge.sources.kinds import read_source
from tests.edge.sources.killing import KilledAgent


def source_of(folder: Path, **more: Any) -> CsvFolder:
    fields = {"quiet_seconds": 0, "poll": 0.01, "channels": {"n": {}}, **more}
    found = read_source({"kind": "folder", "folder": folder, **fields})
    assert isinstance(found, FolderSource)
    return CsvFolder(found)


def write(folder: Path, name: str, begin: int, end: int) -> None:
    part = folder / f"{name}.part"
    part.write_text("n\n" + "\n".join(map(str, range(begin, end))))
    part.rename(folder / name)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def take(source: CsvFolder, count: int, after: str | None = None) -> tuple[list[float], str]:
    """The values of so many samples, all of them committed; and the last position."""
    values, position = [], ""
    for sample in source.samples(after):
        values.append(sample.values[0])
        position = sample.position
        source.committed(position)
        if len(values) == count:
            break
    source.close()
    return values, position


def test_files_are_taken_in_the_order_they_were_written_and_archive(inbox: Path) -> None:
    write(inbox, "b.csv", 0, 3)
    write(inbox, "a.csv", 3, 5)
    assert take(source_of(inbox), 5)[0] == [0, 1, 2, 3, 4]
    assert sorted(path.name for path in (inbox / "done").iterdir()) == ["a.csv", "b.csv"]
    assert list(inbox.glob("*.csv")) == []


def test_a_name_that_comes_again_is_another_file(inbox: Path) -> None:
    write(inbox, "run.csv", 0, 2)
    source = source_of(inbox)
    values = []
    for sample in source.samples(None):
        values.append(sample.values[0])
        source.committed(sample.position)
        if len(values) == 2:
            write(inbox, "run.csv", 2, 4)
        if len(values) == 4:
            break
    assert values == [0, 1, 2, 3]
    assert sorted(path.name for path in (inbox / "done").iterdir()) == ["run-2.csv", "run.csv"]


def test_a_file_without_a_row_goes_to_failed(inbox: Path) -> None:
    (inbox / "other.csv").write_text("x\n1\n")
    write(inbox, "run.csv", 0, 1)
    assert take(source_of(inbox), 1)[0] == [0]
    assert [path.name for path in (inbox / "failed").iterdir()] == ["other.csv"]


def test_it_goes_on_within_a_file_and_behind_its_end(inbox: Path) -> None:
    write(inbox, "run.csv", 0, 4)
    values, position = take(source_of(inbox), 2)
    assert values == [0, 1]
    assert take(source_of(inbox), 2, position)[0] == [2, 3]


def test_a_file_whose_last_row_is_committed_is_not_read_again(inbox: Path) -> None:
    """Killed between the commit and the move."""
    write(inbox, "a.csv", 0, 2)
    source = source_of(inbox)
    samples = source.samples(None)
    position = [next(samples), next(samples)][-1].position
    assert json.loads(position)[-1] is True
    write(inbox, "b.csv", 2, 4)
    assert take(source_of(inbox), 2, position)[0] == [2, 3]
    assert (inbox / "done" / "a.csv").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="no folder: make it"):
        source_of(tmp_path / "inbox")


def test_a_killed_agent_has_each_row_once(tmp_path: Path, inbox: Path) -> None:
    agent = KilledAgent(
        tmp_path,
        f'kind = "folder"\nfolder = "{inbox}"\nquiet_seconds = 0\npoll = 0.02\nchannels.n = {{}}\n',
    )
    for begin in range(0, 400, 100):
        write(inbox, f"{begin}.csv", begin, begin + 100)
        with agent:
            agent.wait(begin + 40)
    with agent:
        agent.wait(400)
        agent.until(lambda: not list(inbox.glob("*.csv")))
    assert agent.values() == [(float(n),) for n in range(400)]


def test_lines_above_the_header_are_passed_over(inbox: Path) -> None:
    (inbox / "run.csv").write_text("Logger 7\nSerial: 12\n\nm;n\n1,5;2\n3,5;4\n")
    assert take(source_of(inbox), 2)[0] == [2, 4]
