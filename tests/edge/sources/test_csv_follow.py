"""A CSV file that grows, is rotated, cut, half-written and written anew: each row once."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal_edge.sources.csv_follow import CsvFollower, CsvSource
from lineal_edge.sources.kinds import read_source
from lineal_edge.sources.line_reader import LineReader
from lineal_edge.sources.source import PositionedSource, Sample
from lineal_edge.sources.timestamps import TimeParser
from tests.edge.sources.killing import KilledAgent


def source_of(file: Path, **more: Any) -> CsvFollower:
    fields = {"kind": "csv", "file": file, "poll": 0.01, "channels": {"n": {}}, **more}
    found = read_source(fields)
    assert isinstance(found, CsvSource)
    return CsvFollower(found)


def take(source: PositionedSource, count: int, after: str | None = None) -> list[Sample]:
    """So many samples, and not one more: the source is closed when they are there."""
    taken: list[Sample] = []
    for sample in source.samples(after):
        taken.append(sample)
        if len(taken) == count:
            break
    source.close()
    return taken


def numbers(samples: list[Sample]) -> list[float]:
    return [sample.values[0] for sample in samples]


def rows(begin: int, end: int) -> str:
    return "".join(f"2026-11-30T10:{n // 60:02}:{n % 60:02}Z,{n}\n" for n in range(begin, end))


HEADER = "time,n\n"


class Taker:
    """Takes in a thread, as the sampler does, while the test writes to the file."""

    def __init__(self, source: PositionedSource, after: str | None = None) -> None:
        self.source = source
        self.taken: list[Sample] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, args=(after,), daemon=True)
        self._thread.start()

    def _run(self, after: str | None) -> None:
        for sample in self.source.samples(after):
            with self._changed:
                self.taken.append(sample)
                self._changed.notify_all()

    def wait(self, count: int) -> list[float]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.taken) >= count, 180), len(self.taken)
            return numbers(self.taken)

    def close(self) -> None:
        self.source.close()
        self._thread.join(10)


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "log.csv"


@pytest.fixture
def takers() -> Iterator[list[Taker]]:
    started: list[Taker] = []
    yield started
    for taker in started:
        taker.close()


def append(file: Path, text: str) -> None:
    with file.open("a") as out:
        out.write(text)


def test_what_is_appended_is_taken_and_a_half_written_line_waits_for_its_rest(
    log_file: Path, takers: list[Taker]
) -> None:
    taker = Taker(source_of(log_file))
    takers.append(taker)
    log_file.write_text(HEADER + rows(0, 3) + "2026-11-30T10:00:03Z,3")
    assert taker.wait(3) == [0, 1, 2]
    append(log_file, "5\n" + rows(4, 5))
    assert taker.wait(5) == [0, 1, 2, 35, 4]
    assert taker.source.counts.bad_lines == 0


def test_rows_are_of_their_own_time(log_file: Path) -> None:
    log_file.write_text("n;Zeit\n1,5;30.11.2026 11:00:00,25\n")
    [sample] = take(source_of(log_file, zone="Europe/Berlin"), 1)
    assert sample.values == (1.5,)
    assert sample.wall_us == 1_796_032_800_250_000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_decimal_commas_marks_and_encodings_of_loggers(
    log_file: Path, encoding: str, delimiter: str
) -> None:
    text = "Druck;Wärme\n1,5;-2\n;3\n1_000;4\n2,5;null\n".replace(";", delimiter)
    log_file.write_bytes(text.encode(encoding))
    source = source_of(log_file, channels={"p": {"column": "Druck"}, "t": {"column": "Wärme"}})
    assert source.features == ("p", "t")
    first, second, third = take(source, 3)
    assert first.values == (1.5, -2)
    assert math.isnan(second.values[0]) and second.values[1] == 3
    assert third.values[0] == 2.5 and math.isnan(third.values[1])
    assert source.counts.bad_lines == 1
    assert first.wall_us is None


def test_a_header_that_comes_again_and_a_row_that_comes_twice_are_no_readings(
    log_file: Path,
) -> None:
    log_file.write_text(HEADER + rows(0, 2) + rows(1, 2) + HEADER + rows(2, 4))
    source = source_of(log_file)
    assert numbers(take(source, 4)) == [0, 1, 2, 3]
    assert source.counts.duplicates == 1
    assert source.counts.bad_lines == 0


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(
    log_file: Path, takers: list[Taker]
) -> None:
    log_file.write_text(HEADER + rows(0, 3))
    taker = Taker(source_of(log_file))
    takers.append(taker)
    taker.wait(3)
    old = log_file.rename(log_file.with_name("log.csv.1"))
    append(old, rows(3, 5).rstrip("\n"))
    log_file.write_text(HEADER + rows(5, 8))
    assert taker.wait(8) == list(range(8))


def test_files_that_were_rotated_while_nobody_looked_are_read_in_their_order(
    log_file: Path,
) -> None:
    log_file.write_text(HEADER + rows(0, 3))
    position = take(source_of(log_file), 2)[-1].position
    for number in (3, 5):
        rotated = log_file.with_name(f"log.csv.{number}")
        log_file.rename(rotated)
        log_file.write_text(HEADER + rows(number, number + 2))
    assert numbers(take(source_of(log_file), 5, position)) == [2, 3, 4, 5, 6]


def test_a_file_that_is_copied_and_cut_costs_no_row(log_file: Path, takers: list[Taker]) -> None:
    """As logrotate does with ``copytruncate``."""
    log_file.write_text(HEADER + rows(0, 3))
    position = take(source_of(log_file), 2)[-1].position
    append(log_file, rows(3, 6))
    log_file.with_name("log.csv.1").write_bytes(log_file.read_bytes())
    with log_file.open("w") as out:
        out.write("")
    taker = Taker(source_of(log_file), position)
    takers.append(taker)
    assert taker.wait(4) == [2, 3, 4, 5]
    append(log_file, HEADER + rows(6, 8))
    assert taker.wait(6) == [2, 3, 4, 5, 6, 7]


def test_a_logger_that_writes_its_whole_file_anew_repeats_nothing(
    log_file: Path, takers: list[Taker]
) -> None:
    log_file.write_text(HEADER + rows(2, 9))
    taker = Taker(source_of(log_file))
    takers.append(taker)
    taker.wait(7)
    log_file.write_text(HEADER + rows(0, 12) + "# a remark, so that it is longer than before\n")
    assert taker.wait(10) == list(range(2, 12))
    assert taker.source.counts.duplicates == 9


def test_going_on_behind_a_position_takes_each_row_once(log_file: Path) -> None:
    log_file.write_text(HEADER + rows(0, 20))
    everything = take(source_of(log_file), 20)
    for number, sample in enumerate(everything[:-1]):
        rest = take(source_of(log_file), 19 - number, sample.position)
        assert numbers(rest) == list(range(number + 1, 20))


@settings(deadline=None, max_examples=40)
@given(
    cuts=st.lists(st.integers(0, 600), max_size=8),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-be", "cp1252"]),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_lines_are_the_same_however_a_file_is_written(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], encoding: str, ends: str
) -> None:
    """A line that holds the bytes of a line's end across two characters is one line in UTF-16."""
    texts = ["Zeit;Wärme", "1;2\u0a0d", "3;4ਊ", "", "5;6"]
    texts = [text.encode("cp1252", "ignore").decode("cp1252") for text in texts]
    data = ends.join([*texts, ""]).encode(encoding)
    file = tmp_path_factory.mktemp("lines") / "log.csv"
    file.write_bytes(b"")
    stated = None if encoding == "utf-16" else encoding
    found: list[str] = []
    offset = 0
    with file.open("rb") as opened, file.open("ab", buffering=0) as out:
        for begin, end in zip(
            [0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True
        ):  # writes of any size
            out.write(data[begin:end])
            if out.tell() < 4:
                continue
            for line in LineReader(opened, stated).lines(offset):
                found.append(line.text)
                offset = line.end
            if out.tell() >= len(data):
                break
    assert found == texts


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-30 10:00:00", 1_796_029_200),  # Berlin, where none is named
        ("2026-11-30T10:00:00Z", 1_796_032_800),
        ("2026-11-30T10:00:00.5+0530", 1_796_013_000.5),
        ("30.11.2026 10:00", 1_796_029_200),
        ("1796032800,25", 1_796_032_800.25),
        ("1796032800250", 1_796_032_800.25),
    ],
)
def test_times_that_loggers_write(text: str, seconds: float) -> None:
    assert TimeParser("Europe/Berlin").parse(text) == round(seconds * 1e6)


@pytest.mark.parametrize("text", ["11/30/2026 10:00", "2026-13-01 10:00", "10:00", "12", "", "x"])
def test_what_is_no_time_or_could_be_two_is_refused(text: str) -> None:
    assert TimeParser("UTC").parse(text) is None


def test_a_stated_format_is_taken_and_the_hour_that_comes_twice_goes_on() -> None:
    assert TimeParser("UTC", "%m/%d/%Y %H:%M").parse("11/30/2026 10:00") == 1_796_032_800_000_000
    parser = TimeParser("Europe/Berlin")
    times = [parser.parse(f"2026-10-25 {clock}") for clock in ("02:00", "02:30", "02:00", "02:30")]
    assert [(time or 0) - (times[0] or 0) for time in times] == [
        minutes * 60_000_000 for minutes in (0, 30, 60, 90)
    ]


def test_a_killed_agent_has_each_row_once(tmp_path: Path, log_file: Path) -> None:
    """Killed five times while the file grows and is rotated."""
    log_file.write_text(HEADER)
    agent = KilledAgent(
        tmp_path,
        f'kind = "csv"\nfile = "{log_file}"\npoll = 0.02\nchannels.n = {{}}\n',
    )
    written = 0
    for round_ in range(5):
        append(log_file, rows(written, written + 100))
        written += 100
        with agent:
            agent.wait(written - 60)
        if round_ in (1, 3):
            log_file.rename(log_file.with_name(f"log.csv.{round_}"))
            log_file.write_text(HEADER)
    with agent:
        agent.wait(written)
    readings = agent.readings()
    assert [row.values for row in readings] == [(float(n),) for n in range(written)]
    assert [row.wall_us - readings[0].wall_us for row in readings] == [
        n * 1_000_000 for n in range(written)
    ]


def test_lines_above_the_header_are_passed_over(log_file: Path) -> None:
    log_file.write_text("sep=;\nLogger 7;Berlin\n\n")
    taker = Taker(source_of(log_file, channels={"n": {}, "m": {}}))
    with log_file.open("a") as file:  # the header comes later
        file.write("time;m;n\n2026-11-30T10:00:00Z;1,5;2\n")
    taker.wait(1)
    taker.close()
    assert [sample.values for sample in taker.taken] == [(2.0, 1.5)]
    assert taker.source.counts.bad_lines == 0


def test_a_column_that_is_called_time_holds_the_time(log_file: Path) -> None:
    log_file.write_text("Timestamp (ms),n\n1764320400100,7\n")
    [sample] = take(source_of(log_file), 1)
    assert sample.wall_us == 1764320400100_000


@pytest.mark.parametrize(
    ("row", "stated"),
    [
        ("28.11.2026;09:00:01;7", {}),
        ("11/28/2026;9:00:01 AM;7",
         {"time": ["Date", "Time"], "time_format": "%m/%d/%Y %I:%M:%S %p"}),
    ],
)  # fmt: skip
def test_a_day_and_a_time_of_day_beside_it_are_one_time(
    log_file: Path, row: str, stated: dict[str, Any]
) -> None:
    log_file.write_text(f"Date;Time;n\n{row}\n")
    [sample] = take(source_of(log_file, zone="UTC", **stated), 1)
    assert sample.wall_us == 1795856401_000_000
