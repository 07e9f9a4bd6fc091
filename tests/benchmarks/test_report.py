"""What ``make bench`` runs, keeps and writes into the README."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from benchmarks import __main__ as command
from benchmarks.isolation import NotMeasuredError, Outcome, measure_alone, measure_each
from benchmarks.measurement import Benchmark, Result
from benchmarks.report import BEGIN, END, README, Run, replace_table, write_results

RUN = Run("2026-11-29T12:00Z", "abc1234", "2 cores x86_64")
FAST = Result("bus.fast", 14_418.3, "events/s", "ratio >= 0.5", "a bare|plain loop", 30_000, 0.48)
SLOW = Result("store.slow", 1.2345, "ms", "< 5")


def benchmark(*names: str, value: float = 1.0) -> Benchmark:
    return Benchmark(names, lambda: [Result(name, value, "ms", "< 5") for name in names])


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def broken() -> list[Result]:
    raise OSError("no Java")


def test_the_table_stands_between_the_markers_and_the_rest_stays() -> None:
    text = f"# A\n\n{BEGIN}\nold table\n{END}\n\nafter\n"
    written = replace_table(text, RUN, [FAST, SLOW], {"bus.away": "no\nJava"})
    assert written.startswith(f"# A\n\n{BEGIN}\n")
    assert written.endswith(f"{END}\n\nafter\n")
    assert "old table" not in written
    assert "2026-11-29T12:00Z, commit abc1234, 2 cores x86_64" in written
    rows = [line for line in written.splitlines() if line.startswith("|")]
    assert rows[2] == (
        r"| bus.fast | 14,418 events/s | a bare\|plain loop | 30,000 | 0.48 | ratio >= 0.5 |"
    )
    assert rows[3] == "| store.slow | 1.23 ms |  |  |  | < 5 |"
    assert rows[4] == "| bus.away | not measured: no Java | | | | |"


def test_writing_the_table_again_changes_nothing() -> None:
    text = f"{BEGIN}\n{END}\n"
    once = replace_table(text, RUN, [FAST], {})
    assert replace_table(once, RUN, [FAST], {}) == once


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_text_without_the_two_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        replace_table(text, RUN, [FAST], {})


def test_the_readme_has_a_place_for_the_table() -> None:
    replace_table(README.read_text(), RUN, [FAST], {})


def test_each_result_says_when_of_what_and_where_it_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    write_results(path, Run("before", "111", "this"), [FAST, SLOW])
    write_results(path, RUN, [FAST])
    kept = {item["name"]: item for item in json.loads(path.read_text())}
    assert kept["bus.fast"]["date"] == "2026-11-29T12:00Z"
    assert kept["bus.fast"]["commit"] == "abc1234"
    assert kept["bus.fast"]["machine"] == "2 cores x86_64"
    assert kept["store.slow"]["date"] == "before", "it was not measured again"


def test_a_name_chooses_one_benchmark_and_a_prefix_all_that_begin_so() -> None:
    all_of_them = [benchmark("start", "start.scan"), benchmark("bus.a", "bus.b"), benchmark("bus")]
    assert command.select(all_of_them, None) == all_of_them
    assert command.select(all_of_them, "bus") == all_of_them[2:]
    assert command.select(all_of_them, "bus.") == all_of_them[1:2]
    assert command.select(all_of_them, "bus.b") == all_of_them[1:2]
    assert command.select(all_of_them, "st") == all_of_them[:1]
    assert command.select(all_of_them, "other") == []


class TestCommand:
    @pytest.fixture(autouse=True)
    def small(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.results, self.readme = tmp_path / "latest.json", tmp_path / "README.md"
        self.readme.write_text(f"{BEGIN}\nold\n{END}\n")
        monkeypatch.setattr(command, "RESULTS", self.results)
        monkeypatch.setattr(command, "README", self.readme)
        some = (benchmark("bus.a", value=0.5), Benchmark(("bus.b",), broken), benchmark("store"))
        monkeypatch.setattr(command, "BENCHMARKS", some)

    def test_a_name_that_there_is_not_is_said_and_is_a_failure(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command.main(["--only", "bsu"]) == 1
        said = capsys.readouterr().err
        assert "nothing was measured" in said
        assert "bus.a bus.b store" in said
        assert not self.results.exists()

    def test_some_benchmarks_leave_the_readme_alone(self) -> None:
        assert command.main(["--only", "store"]) == 0
        assert [item["name"] for item in json.loads(self.results.read_text())] == ["store"]
        assert "old" in self.readme.read_text()

    def test_a_benchmark_that_measures_nothing_is_a_failure(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(command, "BENCHMARKS", (Benchmark(("peer.away",), list),))
        assert command.main(["--only", "peer"]) == 1
        assert "not measured: peer.away" in capsys.readouterr().err

    def test_a_benchmark_that_fails_costs_no_other_its_result(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command.main([]) == 1
        assert "not measured: bus.b: OSError: no Java" in capsys.readouterr().err
        written = self.readme.read_text()
        assert "| bus.a | 0.5 ms |" in written
        assert "| bus.b | not measured: OSError: no Java |" in written
        assert "| store | 1 ms |" in written

    def test_a_run_that_is_broken_off_keeps_what_it_has_measured(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken_off(
            asked: Sequence[Benchmark], side_by_side: int, begun: Callable[[Benchmark], None]
        ) -> Iterator[Outcome]:
            yield from measure_each(asked[:1], side_by_side, begun)
            raise KeyboardInterrupt

        monkeypatch.setattr(command, "measure_each", broken_off)
        with pytest.raises(KeyboardInterrupt):
            command.main([])
        assert [item["name"] for item in json.loads(self.results.read_text())] == ["bus.a"]
        written = self.readme.read_text()
        assert "| bus.a | 0.5 ms |" in written
        assert "| store | not measured: the run was broken off |" in written

    def test_a_run_says_how_far_it_is_and_at_its_end_what_took_how_long(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command.main([])
        said = capsys.readouterr()
        assert "[1/3, 0:00] bus.a: at most 150 s" in said.err
        assert "[3/3, " in said.err
        assert "together" in said.out

    def test_what_is_not_timed_runs_side_by_side_and_last(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def meets(mine: str, other: str) -> Callable[[], list[Result]]:
            def measured() -> list[Result]:
                (tmp_path / mine).touch()
                while not (tmp_path / other).exists():
                    time.sleep(0.01)
                return [Result(mine, 1, "", "")]

            return measured

        some = (
            Benchmark(("quality.a",), meets("quality.a", "quality.b"), limit_s=30, timed=False),
            Benchmark(("quality.b",), meets("quality.b", "quality.a"), limit_s=30, timed=False),
            benchmark("bus.a"),
        )
        monkeypatch.setattr(command, "BENCHMARKS", some)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
        assert command.main([]) == 0
        names = [item["name"] for item in json.loads(self.results.read_text())]
        assert names[0] == "bus.a"
        assert sorted(names[1:]) == ["quality.a", "quality.b"]


class TestLimit:
    def test_a_benchmark_that_hangs_ends_with_all_that_it_has_started(self, tmp_path: Path) -> None:
        started = tmp_path / "pids"

        def hangs() -> list[Result]:
            servers = [
                subprocess.Popen(["sleep", "600"], start_new_session=own) for own in (True, False)
            ]
            started.write_text(" ".join(str(server.pid) for server in servers))
            servers[0].wait()
            return []

        with pytest.raises(NotMeasuredError, match="longer than its limit of 2 s"):
            measure_alone(Benchmark(("bus.hangs",), hangs, limit_s=2))
        pids = [int(pid) for pid in started.read_text().split()]
        assert len(pids) == 2
        assert not [pid for pid in pids if _runs(pid)]

    def test_what_a_benchmark_leaves_running_ends_with_it(self) -> None:
        def leaves() -> list[Result]:
            return [Result("bus.pid", subprocess.Popen(["sleep", "600"]).pid, "", "")]

        [found] = measure_alone(Benchmark(("bus.leaves",), leaves))
        assert not _runs(int(found.value))

    def test_a_benchmark_whose_process_dies_is_named(self) -> None:
        with pytest.raises(NotMeasuredError, match="ended early, with 3"):
            measure_alone(Benchmark(("bus.dies",), lambda: os._exit(3)))
