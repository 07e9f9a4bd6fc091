"""``lineal put``: files and folders in, and with --wait all the way."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from tests.cli.processes import lineal, running


def test_without_a_daemon_documents_wait_and_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    answer = lineal(tmp_path, "put", "a.txt")
    assert answer.returncode == 0
    assert "lineal up" in answer.stderr
    assert "a.txt" in answer.stdout
    with running(tmp_path, "up", "--port", "0") as daemon:
        assert daemon.outcome("a.txt")["status"] == "indexed"


def test_waiting_without_a_daemon_does_the_work_itself(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "deep"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("the first bearings")
    (tmp_path / "in" / "b.md").write_text("# the second")
    (tmp_path / "in" / ".hidden").write_text("hidden")
    (tmp_path / "in" / "c.pdf.part").write_text("unfinished")
    answer = lineal(
        tmp_path, "put", "in", "--wait", "--json", "--owner", "ann", "--label", "kind=note"
    )
    assert answer.returncode == 0, answer.stderr
    put = orjson.loads(answer.stdout)
    assert [(item["name"], item["status"]) for item in put] == [
        ("b.md", "indexed"),
        ("a.txt", "indexed"),
    ]
    assert all(set(item) == {"document_id", "name", "status"} for item in put)
    listed = orjson.loads(lineal(tmp_path, "documents", "--owner", "ann", "--json").stdout)
    assert {item["document_id"] for item in listed} == {item["document_id"] for item in put}
    assert all(item["labels"] == {"kind": "note"} for item in listed)


def test_waiting_beside_a_daemon_leaves_the_work_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    with running(tmp_path, "up", "--port", "0") as daemon:
        daemon.line(lambda line: "ready" in line)
        answer = lineal(tmp_path, "put", "a.txt", "--wait")
        assert answer.returncode == 0, answer.stderr
        assert "indexed" in answer.stdout
        assert "doing it in this process" not in answer.stderr


def test_the_exit_code_says_whether_all_were_indexed(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("good")
    (tmp_path / "empty.txt").write_bytes(b"")
    os.mkfifo(tmp_path / "fifo")
    answer = lineal(tmp_path, "put", "good.txt", "empty.txt", "fifo", "--wait", "--json")
    assert answer.returncode == 1
    outcomes = {item["name"]: item["status"] for item in orjson.loads(answer.stdout)}
    assert outcomes == {"good.txt": "indexed", "empty.txt": "rejected", "fifo": "rejected"}


def test_known_bytes_are_another_arrival_of_the_same_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.txt").write_text("one")
    answer = lineal(tmp_path, "put", "a.txt", "b.txt", "a.txt", "--wait", "--json")
    assert answer.returncode == 0, answer.stderr
    ids = {item["document_id"] for item in orjson.loads(answer.stdout)}
    (document,) = orjson.loads(lineal(tmp_path, "documents", "--json").stdout)
    assert {document["document_id"]} == ids
    assert document["arrivals"] == 3


def test_a_path_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    answer = lineal(tmp_path, "put", "missing.pdf")
    assert answer.returncode == 2
    assert "missing.pdf" in answer.stderr
    assert not (tmp_path / "data").exists()


def test_an_empty_folder_is_no_error_but_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    answer = lineal(tmp_path, "put", "in")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert "no file" in answer.stderr


def test_what_is_beyond_the_owners_quota_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "lineal.toml").write_text("[quotas]\ndocuments = 2\n")
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text(name)
    done = lineal(tmp_path, "put", "a.txt", "b.txt", "c.txt", "--owner", "ann", "--json")
    assert done.returncode == 1
    assert len(orjson.loads(done.stdout)) == 2
    assert "the owner ann has 2 documents and may have 2" in done.stderr
