"""``lineal up``: drop a file, and it is searchable; stop it, and nothing is lost."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path
from urllib.request import Request, urlopen

import orjson

from tests.cli.processes import environment, lineal, running
from tests.lineal_process import LinealProcess

UP = ("up", "--port", "0")


def ready(line: dict[str, object]) -> bool:
    return "ready" in line


def test_what_is_dropped_is_indexed_or_refused_and_can_be_searched(tmp_path: Path) -> None:
    with running(tmp_path, *UP) as daemon:
        told = daemon.line(ready)
        assert told["inbox"] == str((tmp_path / "inbox").resolve())
        assert told["watching"] is True
        (tmp_path / "inbox" / "note.txt").write_text("The gearbox bearings were replaced.")
        note = daemon.outcome("note.txt")
        assert note["status"] == "indexed"
        (tmp_path / "inbox" / "broken.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n<< /Type")
        assert daemon.outcome("broken.pdf")["status"] in ("rejected", "failed")

        found = orjson.loads(lineal(tmp_path, "search", "bearings", "--json").stdout)
        assert [hit["document_id"] for hit in found] == [note["document_id"]]
        token = (tmp_path / "data" / "api-token").read_text().strip()
        asked = Request(f"{told['url']}/documents", headers={"authorization": f"Bearer {token}"})
        with urlopen(asked) as answer:
            listed = orjson.loads(answer.read())
        assert listed == orjson.loads(lineal(tmp_path, "documents", "--json").stdout)
        with urlopen(f"{told['url']}/readyz") as answer:
            assert answer.status == 200
        assert daemon.stop() == 0
        assert daemon.line(lambda line: "stopped" in line)


def test_a_file_dropped_while_it_is_down_is_taken_at_the_start_and_only_once(
    tmp_path: Path,
) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.txt").write_text("one")
    with running(tmp_path, *UP) as daemon:
        assert daemon.outcome("a.txt")["status"] == "indexed"
        assert daemon.stop(signal.SIGINT) == 0
    with running(tmp_path, *UP) as daemon:
        daemon.line(ready)
        (tmp_path / "inbox" / "b.txt").write_text("two")
        assert daemon.outcome("b.txt")["status"] == "indexed"
    documents = orjson.loads(lineal(tmp_path, "documents", "--json").stdout)
    assert {item["name"]: item["arrivals"] for item in documents} == {"a.txt": 1, "b.txt": 1}


def test_a_second_one_shares_the_work_and_takes_the_inbox_over(tmp_path: Path) -> None:
    with running(tmp_path, *UP) as first:
        assert first.line(ready)["watching"] is True
        with running(tmp_path, *UP) as second:
            assert second.line(ready)["watching"] is False
            (tmp_path / "inbox" / "a.txt").write_text("one")
            assert second.outcome("a.txt")["status"] == "indexed"
            first.process.kill()
            first.process.wait()
            (tmp_path / "inbox" / "b.txt").write_text("two")
            assert second.outcome("b.txt")["status"] == "indexed"
            assert second.stop() == 0
    documents = orjson.loads(lineal(tmp_path, "documents", "--json").stdout)
    assert {item["name"]: item["arrivals"] for item in documents} == {"a.txt": 1, "b.txt": 1}


def test_a_taken_port_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with running(tmp_path, *UP) as daemon:
        port = str(daemon.line(ready)["url"]).rpartition(":")[2]
        second = lineal(tmp_path, "up", "--port", port)
        assert second.returncode == 1
        assert port in second.stderr
        assert "--port" in second.stderr
        assert "Traceback" not in second.stderr


def test_the_inbox_may_not_be_the_data_folder(tmp_path: Path) -> None:
    ended = lineal(tmp_path, *UP, "--inbox", "data")
    assert ended.returncode == 1
    assert "--inbox" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_log_is_json_lines_without_names_where_nobody_watches(tmp_path: Path) -> None:
    with running(tmp_path, *UP) as daemon:
        daemon.line(ready)
        (tmp_path / "inbox" / "private name.txt").write_text("text")
        daemon.outcome("private name.txt")
        daemon.stop()
    lines = (tmp_path / "up.log").read_text().splitlines()
    assert lines
    assert all("event" in orjson.loads(line) for line in lines)
    assert not any("private name" in line for line in lines)


def test_without_a_terminal_the_log_says_how_to_log_in(tmp_path: Path) -> None:
    with LinealProcess[str](
        list(UP),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = next(line for line in process.stderr if "up.ready" in line)
        process.kill()
    said = re.search(r"user address [^'\"\x1b]*--port \d+", told)
    where = re.search(r"http://127.0.0.1:\d+", told)
    assert said and where, told
    made = lineal(tmp_path, *said[0].split(), "--json")
    url = orjson.loads(made.stdout)["url"]
    assert url.startswith(f"{where[0]}/login?key=")
