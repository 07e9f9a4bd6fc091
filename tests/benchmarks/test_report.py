"""What ``make bench`` runs, keeps and writes into the README."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.measurement import Benchmark, Result
from benchmarks.report import BEGIN, END, README, Run, replace_table, write_results

RUN = Run("2026-11-29T12:00Z", "abc1234", "2 cores x86_64")
FAST = Result("bus.fast", 14_418.3, "events/s", "ratio >= 0.5", "a bare|plain loop", 30_000, 0.48)
SLOW = Result("store.slow", 1.2345, "ms", "< 5")


def benchmark(*names: str, value: float = 1.0) -> Benchmark:
    return Benchmark(names, lambda: [Result(name, value, "ms", "< 5") for name in names])


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

    def test_a_benchmark_that_fails_costs_no_other_its_result(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command.main([]) == 1
        assert "not measured: bus.b: OSError: no Java" in capsys.readouterr().err
        written = self.readme.read_text()
        assert "| bus.a | 0.5 ms |" in written
        assert "| bus.b | not measured: OSError: no Java |" in written
        assert "| store | 1 ms |" in written
