"""The outbox covers every number exactly once, whatever is appended, acknowledged or cut off."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lineal_edge.bounded_queue import Lost
from lineal_edge.outbox import Outbox, OutboxFull
from lineal_edge.reading import Reading
from lineal_edge.rows import GapRow, ReadingRow
from lineal_schemas.deployments import DeploymentJobUpdated
from lineal_schemas.models import ModelRef, ModelRolledBack
from lineal_schemas.objects import ObjectRef
from tests.long import examples

FEATURES = ("a", "b")
MODEL = ModelRef(name="m", version=1, sha256="0" * 64)


def open_outbox(file: Path, *, cap_bytes: int = 64 << 20, boot_id: str | None = None) -> Outbox:
    return Outbox(file, device="pump-1", features=FEATURES, cap_bytes=cap_bytes, boot_id=boot_id)


def reading(seq: int) -> Reading:
    return Reading(seq, seq * 50_000, seq * 50_000, (float(seq), float("nan")))


def readings(first: int, last: int) -> list[Reading]:
    return [reading(seq) for seq in range(first, last + 1)]


def covered(outbox: Outbox) -> dict[str, list[tuple[int, str]]]:
    """What waits, by boot: each number with ``reading`` or its gap's reason, in order."""
    found: dict[str, list[tuple[int, str]]] = {}
    row = 0
    while rows := outbox.stream_after(row, 500):
        for one in rows:
            numbers = found.setdefault(one.boot_id, [])
            if isinstance(one, GapRow):
                numbers += [(seq, one.reason) for seq in range(one.first_seq, one.last_seq + 1)]
            else:
                assert one.values[0] == one.seq
                numbers.append((one.seq, "reading"))
        row = rows[-1].id
    return found


def job_update() -> DeploymentJobUpdated:
    return DeploymentJobUpdated(
        rollout_id="r", job_id="j", device="pump-1", state="VERIFIED", expected_version=1,
        model=MODEL, wall_us=0,
    )  # fmt: skip


def other_event(size: int = 10) -> ModelRolledBack:
    artifact = ObjectRef(uri="x" * size, sha256="0" * 64, bytes=0, media_type="x/y")
    return ModelRolledBack(
        name="m", model=MODEL, withdrawn=MODEL, by="me", reason="r", counter=1, artifact=artifact
    )


def test_what_is_appended_can_be_read_until_it_is_acknowledged(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db")
    outbox.append([*readings(1, 3), Lost(4, 6, 0), *readings(7, 8)])
    everything = [(n, "queue_full" if 4 <= n <= 6 else "reading") for n in range(1, 9)]
    assert covered(outbox) == {outbox.boot_id: everything}
    outbox.acknowledge(outbox.boot_id, 5, 0)
    assert covered(outbox) == {outbox.boot_id: everything[5:]}
    outbox.acknowledge(outbox.boot_id, 8, 0)
    assert covered(outbox) == {}


def test_a_cursor_skips_nothing_after_the_outbox_has_drained(tmp_path: Path) -> None:
    """Plain rowids start at 1 again in an empty table; AUTOINCREMENT ones do not."""
    outbox = open_outbox(tmp_path / "o.db")
    outbox.append(readings(1, 10))
    cursor = outbox.stream_after(0, 100)[-1].id
    outbox.acknowledge(outbox.boot_id, 10, 0)
    outbox.append(readings(11, 12))
    assert [row.seq for row in outbox.stream_after(cursor, 9) if isinstance(row, ReadingRow)] == [
        11, 12,
    ]  # fmt: skip


def test_numbers_that_are_missing_or_come_twice_are_refused(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db")
    outbox.append(readings(1, 2))
    for wrong in ([reading(2)], [reading(4)], [reading(3), reading(5)]):
        with pytest.raises(ValueError, match="follows"):
            outbox.append(wrong)
    outbox.append([reading(3)])
    assert [n for n, _ in covered(outbox)[outbox.boot_id]] == [1, 2, 3]


def test_boots_are_acknowledged_apart(tmp_path: Path) -> None:
    first = open_outbox(tmp_path / "o.db")
    first.append(readings(1, 5))
    first.put_event(other_event())
    first.close()
    second = open_outbox(tmp_path / "o.db")
    second.append(readings(1, 3))
    second.put_event(other_event())
    assert second.previous is not None
    assert (second.previous.last_seq, second.previous.last_event) == (5, 1)
    second.acknowledge(second.boot_id, 2, 1)
    assert [(e.boot_id, e.seq) for e in second.events_after(0, 9)] == [(first.boot_id, 1)]
    assert {boot: [n for n, _ in ns] for boot, ns in covered(second).items()} == {
        first.boot_id: [1, 2, 3, 4, 5],
        second.boot_id: [3],
    }
    second.acknowledge(first.boot_id, 5, 1)
    assert {boot: [n for n, _ in ns] for boot, ns in covered(second).items()} == {
        second.boot_id: [3]
    }


def test_what_is_not_there_any_more_is_told_as_a_gap(tmp_path: Path) -> None:
    first = open_outbox(tmp_path / "o.db")
    first.append(readings(1, 9))
    first.acknowledge(first.boot_id, 4, 0)
    first.close()
    second = open_outbox(tmp_path / "o.db")
    assert second.gap_after(first.boot_id, 0) == (1, 4)
    assert second.gap_after(first.boot_id, 2) == (3, 4)
    assert second.gap_after(first.boot_id, 4) is None
    assert second.gap_after(first.boot_id, 9) is None
    assert second.gap_after("f" * 32, 0) is None
    second.append(readings(1, 3))
    second.acknowledge(first.boot_id, 9, 0)
    second.acknowledge(second.boot_id, 3, 0)
    assert second.gap_after(second.boot_id, 1) == (2, 3)


def test_a_boot_that_left_nothing_behind_is_forgotten_and_the_others_are_not(
    tmp_path: Path,
) -> None:
    file = tmp_path / "o.db"
    for number in range(6):
        outbox = open_outbox(file)
        if number % 2:
            outbox.append(readings(1, 2))
        outbox.close()
    outbox = open_outbox(file)
    with sqlite3.connect(file) as database:
        boots = [row[0] for row in database.execute("SELECT last_seq FROM boots ORDER BY n")]
    assert boots == [2, 2, 2, 0]
    assert len(covered(outbox)) == 3


def test_a_file_that_is_no_database_is_put_aside(tmp_path: Path) -> None:
    file = tmp_path / "o.db"
    file.write_bytes(b"this is not a database, " * 1000)
    outbox = open_outbox(file)
    outbox.append(readings(1, 2))
    assert len(covered(outbox)[outbox.boot_id]) == 2
    assert [path.name.startswith("o.db.damaged-") for path in tmp_path.glob("*.damaged-*")] == [
        True
    ]


def test_a_second_agent_is_turned_away(tmp_path: Path) -> None:
    first = open_outbox(tmp_path / "o.db")
    with pytest.raises(OSError, match="in use by another agent"):
        open_outbox(tmp_path / "o.db")
    first.close()
    open_outbox(tmp_path / "o.db").close()


def test_a_row_that_cannot_be_read_is_a_gap_and_not_the_end(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db")
    outbox.append(readings(1, 3))
    with sqlite3.connect(tmp_path / "o.db") as database:
        database.execute("UPDATE stream SET body = x'00' WHERE first_seq = 2")
    assert covered(outbox)[outbox.boot_id] == [(1, "reading"), (2, "damaged"), (3, "reading")]


def on_disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_a_day_offline_stays_under_the_cap_and_every_reading_is_accounted_for(
    tmp_path: Path,
) -> None:
    cap, day = 2 << 20, 4 * 86_400  # at 4 readings a second
    outbox = open_outbox(tmp_path / "o.db", cap_bytes=cap)
    outbox.put_event(job_update())
    largest = 0
    hours = range(1, day, 3000)
    for first in hours:
        outbox.append(readings(first, min(day, first + 2999)))
        outbox.put_event(other_event())
        largest = max(largest, on_disk(tmp_path))
    assert largest <= cap
    numbers = covered(outbox)[outbox.boot_id]
    assert [n for n, _ in numbers] == list(range(1, day + 1))
    lost = [n for n, what in numbers if what == "disk_full"]
    assert lost == list(range(1, outbox.dropped + 1))  # the oldest, in one piece
    assert len(numbers) - len(lost) > 10_000  # and no more than had to be
    assert sum(isinstance(row, GapRow) for row in outbox.stream_after(0, 100)) == 1
    assert len(outbox.events_after(0, 10_000)) == 1 + len(hours)  # anomalies and jobs are kept


def test_when_events_alone_reach_the_cap_only_job_updates_are_still_taken(tmp_path: Path) -> None:
    cap = 1 << 20
    outbox = open_outbox(tmp_path / "o.db", cap_bytes=cap)
    outbox.append(readings(1, 100))
    kept = 0
    with pytest.raises(OutboxFull, match=r"model\.rolled_back is not kept"):
        for _ in range(400):
            kept = outbox.put_event(other_event(size=4000))
    assert kept > 100
    assert outbox.put_event(job_update()) == kept + 1
    assert on_disk(tmp_path) <= cap
    assert [event.seq for event in outbox.events_after(0, 1000)] == list(range(1, kept + 2))
    assert covered(outbox) == {outbox.boot_id: [(n, "disk_full") for n in range(1, 101)]}
    outbox.acknowledge(outbox.boot_id, 100, kept)
    assert outbox.put_event(other_event()) == kept + 2


def test_a_gap_acknowledged_in_part_begins_after_it(tmp_path: Path) -> None:
    """The readings were on their way when the cap took them: what got through is not lost."""
    outbox = open_outbox(tmp_path / "o.db")
    outbox.append(readings(1, 300))
    assert outbox.make_room()
    dropped = outbox.dropped
    assert dropped >= 100
    outbox.acknowledge(outbox.boot_id, 40, 0)
    numbers = covered(outbox)[outbox.boot_id]
    assert [n for n, what in numbers if what == "disk_full"] == list(range(41, dropped + 1))
    assert [n for n, what in numbers if what == "reading"] == list(range(dropped + 1, 301))


WRITER = """
import sys
from pathlib import Path
from lineal_edge.outbox import Outbox
from lineal_edge.reading import Reading

outbox = Outbox(Path(sys.argv[1]), device="pump-1", features=("a", "b"), boot_id=sys.argv[2],
                cap_bytes=int(sys.argv[3]))
seq = 0
while True:
    count = 1 + seq % 97
    outbox.append([Reading(n, n, n, (float(n), 0.0)) for n in range(seq + 1, seq + count + 1)])
    seq += count
    if seq % 5 == 0:
        outbox.acknowledge(outbox.boot_id, seq // 3, 0)
    print(seq, seq // 3 if seq % 5 == 0 else -1, flush=True)
"""


@pytest.mark.parametrize("cap_bytes", [1 << 20, 64 << 20])
def test_a_power_cut_takes_nothing_that_was_committed(tmp_path: Path, cap_bytes: int) -> None:
    file = tmp_path / "o.db"
    for cut in range(6):
        boot_id = f"{cut:032x}"
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file), boot_id, str(cap_bytes)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        committed, acknowledged = 0, 0
        for number, line in enumerate(writer.stdout):
            seq, upto = map(int, line.split())
            committed, acknowledged = seq, max(acknowledged, upto)
            if number == 40 + 13 * cut:
                os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        outbox = open_outbox(file, cap_bytes=cap_bytes)
        numbers = [n for n, _ in covered(outbox)[boot_id]]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[0] >= acknowledged + 1
        assert numbers[-1] >= committed
        assert outbox.previous is not None
        assert outbox.previous.last_seq == numbers[-1]
        outbox.close()


ANOMALY = """
import os, signal, sys
from pathlib import Path
from lineal_edge.outbox import Outbox
from lineal_schemas.models import ModelRef, ModelRolledBack
from lineal_schemas.objects import ObjectRef

model = ModelRef(name="m", version=1, sha256="0" * 64)
artifact = ObjectRef(uri="x", sha256="0" * 64, bytes=0, media_type="x/y")
outbox = Outbox(Path(sys.argv[1]), device="pump-1", features=("a",))
outbox.put_event(ModelRolledBack(name="m", model=model, withdrawn=model, by="me", reason="r",
                                 counter=1, artifact=artifact))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_event_is_on_the_disk_when_it_has_been_put(tmp_path: Path) -> None:
    file = tmp_path / "o.db"
    for count in range(1, 4):
        done = subprocess.run([sys.executable, "-c", ANOMALY, str(file)], check=False)
        assert done.returncode == -signal.SIGKILL
        outbox = open_outbox(file)
        events = outbox.events_after(0, 100)
        assert len(events) == count
        assert {event.seq for event in events} == {1}  # each of a boot of its own
        outbox.close()


class OutboxMachine(RuleBasedStateMachine):
    """The outbox against a model: per boot, the numbers that wait."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.waiting: dict[str, list[int]] = {}
        self.queue_lost: set[tuple[str, int]] = set()
        self.events: dict[str, list[int]] = {}
        self.dropped = 0
        self.all_dropped = 0

    def teardown(self) -> None:
        self.outbox.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.open()

    def open(self) -> None:
        self.outbox = open_outbox(self.folder / "o.db")
        self.boot = self.outbox.boot_id
        self.next_seq = 1
        self.next_event = 1

    @rule(pieces=st.lists(st.tuples(st.booleans(), st.integers(1, 60)), min_size=1, max_size=4))
    def append(self, pieces: list[tuple[bool, int]]) -> None:
        items: list[Reading | Lost] = []
        for is_gap, count in pieces:
            first, last = self.next_seq, self.next_seq + count - 1
            if is_gap:
                items.append(Lost(first, last, 0))
                self.queue_lost |= {(self.boot, n) for n in range(first, last + 1)}
            else:
                items += readings(first, last)
            self.next_seq = last + 1
            self.waiting.setdefault(self.boot, []).extend(range(first, last + 1))
        self.outbox.append(items)

    @rule(job=st.booleans())
    def put_event(self, job: bool) -> None:
        seq = self.outbox.put_event(job_update() if job else other_event())
        assert seq == self.next_event
        self.next_event += 1
        self.events.setdefault(self.boot, []).append(seq)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        boot = data.draw(st.sampled_from(sorted(self.waiting)))
        upto = data.draw(st.integers(0, 400))
        upto_event = data.draw(st.integers(0, 5))
        self.outbox.acknowledge(boot, upto, upto_event)
        self.waiting[boot] = [n for n in self.waiting[boot] if n > upto]
        self.events[boot] = [n for n in self.events.get(boot, []) if n > upto_event]

    @rule()
    def make_room(self) -> None:
        before = self.outbox.dropped
        some = self.outbox.make_room()
        assert some == (self.outbox.dropped > before)

    @rule()
    def restart(self) -> None:
        self.all_dropped += self.outbox.dropped
        self.outbox.close()
        self.open()

    @rule()
    def power_cut(self) -> None:
        """A copy of the files as they are, without closing: what a cut leaves behind."""
        self.all_dropped += self.outbox.dropped
        copy = Path(tempfile.mkdtemp())
        for file in self.folder.iterdir():
            shutil.copy(file, copy / file.name)
        self.outbox.close()
        shutil.rmtree(self.folder)
        self.folder = copy
        self.open()

    @invariant()
    def covers_every_number_once(self) -> None:
        if not hasattr(self, "outbox"):
            return
        found = covered(self.outbox)
        assert {boot: [n for n, _ in numbers] for boot, numbers in found.items()} == {
            boot: numbers for boot, numbers in self.waiting.items() if numbers
        }
        for boot, numbers in found.items():
            for n, what in numbers:
                if (boot, n) in self.queue_lost:
                    assert what in ("queue_full", "disk_full")
                else:
                    assert what in ("reading", "disk_full")
        dropped = sum(what == "disk_full" for ns in found.values() for _, what in ns)
        assert dropped <= self.all_dropped + self.outbox.dropped
        kept = [(e.boot_id, e.seq) for e in self.outbox.events_after(0, 10_000)]
        assert sorted(kept) == sorted((b, n) for b, ns in self.events.items() for n in ns)


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(
    max_examples=examples(40), stateful_step_count=25, deadline=None
)
