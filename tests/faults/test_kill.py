"""Kill -9 for any process of ``lineal up``, fifty times, while it works."""

from __future__ import annotations

import random
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from lineal.lineage.graph import EVENT_ROLES
from tests.faults.conftest import NewSystem
from tests.faults.files import PROSE, scan, text_pdf
from tests.faults.system import System

pytestmark = pytest.mark.timeout(900)
"""What all tests share takes minutes on a busy machine, and the first of them waits for it."""

KILLS = 50
DOCUMENTS = 200


def _file(number: int) -> tuple[str, bytes]:
    """Every tenth a scan, every twentieth a PDF of three pages, the others text."""
    if number % 10 == 0:
        return f"scan-{number}.png", scan(f"Turbine report {number}")
    if number % 20 == 5:
        return f"pages-{number}.pdf", text_pdf(
            [f"Report {number} page {p} {PROSE * 3}" for p in "abc"]
        )
    return f"text-{number}.txt", f"Report number {number}\n{PROSE}".encode()


@pytest.fixture(
    scope="module",
    params=[20261121, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(5))],
)
def survived(request: pytest.FixtureRequest, new_system: NewSystem) -> System:
    """A system whose processes were killed while documents came, and that then could finish."""
    system = new_system()
    chance = random.Random(request.param)
    system.start()
    processes: set[psutil.Process] = set()
    hits = Counter[str]()
    for kill in range(KILLS):
        for number in range(kill * DOCUMENTS // KILLS, (kill + 1) * DOCUMENTS // KILLS):
            name, content = _file(number)
            (system.inbox / name).write_bytes(content)
        # Not always when all is well: the next one may hit it in the middle of its start.
        pause = chance.choice((0.05, 0.3, 0.6, 0.9))
        tree = _pausing(system, pause)
        processes.update(tree)
        victim = chance.choice(tree)
        is_main = victim.pid == tree[0].pid
        hits["main" if is_main else "worker"] += 1
        if is_main:
            system.kill()
            system.start(wait=chance.random() < 0.7)
        else:
            victim.kill()
    assert min(hits["main"], hits["worker"]) >= 5
    system.until(
        lambda: len(system.documents()) == DOCUMENTS and system.lag() == 0,
        f"{DOCUMENTS} documents registered and every event handled",
    )
    processes.update(system.tree())
    assert system.stop() == 0
    _, alive = psutil.wait_procs(processes, timeout=180)
    assert not alive, "processes are left over"
    return system


def _pausing(system: System, seconds: float) -> list[psutil.Process]:
    time.sleep(seconds)
    if not system.running:
        raise AssertionError("lineal up ended by itself")
    return system.tree()


def test_every_document_is_indexed_once(survived: System) -> None:
    documents = survived.documents()

    assert len(documents) == DOCUMENTS
    assert {document.name for document in documents} == {_file(n)[0] for n in range(DOCUMENTS)}
    assert {document.status for document in documents} == {"indexed"}
    assert {document.arrivals for document in documents} == {1}


def test_search_has_each_page_once(survived: System) -> None:
    with survived.connection() as connection:
        pages = connection.execute("SELECT document_id, page FROM search_entries").fetchall()
        texts = connection.execute("SELECT count(*) FROM search_text").fetchone()[0]

    assert len(pages) == len(set(pages)) == texts
    assert {identifier for identifier, _ in pages} == {d.document_id for d in survived.documents()}
    by_document = Counter(identifier for identifier, _ in pages)
    assert by_document == {d.document_id: d.pages for d in survived.documents()}


def test_every_step_is_done_once(survived: System) -> None:
    done = Counter(
        (record.build.stage, record.step, tuple(record.events_in))
        for record in survived.records()
        if record.build is not None and record.outcome == "done"
    )
    per_step = Counter((stage, step) for stage, step, _ in done.elements())

    assert [step for step, times in per_step.items() if times > 1] == []
    assert Counter(record.outcome for record in survived.records()).keys() <= {"done", "skipped"}


def test_every_event_is_published_once(survived: System) -> None:
    topics = [
        "document.registered", "document.classified", "document.part_requested",
        "document.part_extracted", "document.text_extracted", "document.analyzed",
        "document.indexed",
    ]  # fmt: skip
    for topic in topics:
        events = survived.event_ids(topic)
        assert len(events) == len(set(events)) >= DOCUMENTS, topic
    assert len(survived.event_ids("document.indexed")) == DOCUMENTS


def test_the_lineage_of_every_document_is_whole(survived: System) -> None:
    records = survived.records()
    with survived.connection() as connection:
        contents = dict(connection.execute("SELECT document_id, sha256 FROM registry"))
    for document_id, content in contents.items():
        story = [record for record in records if record.subject == f"document:{document_id}"]
        stages = {record.build.stage for record in story if record.build is not None}
        assert stages == {
            "register", "classify", "ocr.attachments", "ocr.scatter", "ocr", "ocr.gather", "nlp",
            "index", "packages.gather", "photos.arrive", "review", "split", "embed", "entities",
            "fields",
        }  # fmt: skip
        made = {item.sha256 for record in story for item in record.outputs}
        arrivals = {
            item.sha256
            for record in story
            if record.build is not None and record.build.stage == "register"
            for item in record.inputs
        }
        unexplained = [
            item
            for record in story
            for item in record.inputs
            if item.sha256 not in made | arrivals | {content}
        ]
        assert unexplained == []


def test_every_object_that_was_made_is_there_whole(survived: System) -> None:
    with survived.connection() as connection:
        small = {row[0].hex() for row in connection.execute("SELECT sha256 FROM objects")}
    files = {f.parent.name + f.name for f in _objects(survived.data) if f.parent.name != "incoming"}
    named = {
        item.sha256
        for record in survived.records()
        for item in (*record.inputs, *record.outputs)
        if item.role not in EVENT_ROLES
    }

    assert named <= small | files
    assert [f for f in _objects(survived.data) if f.parent.name == "incoming"] == []
    for file in _objects(survived.data):
        assert sha256(file.read_bytes()).hexdigest() == file.parent.name + file.name


def test_nothing_is_left_to_do(survived: System) -> None:
    with survived.connection() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        open_parts = connection.execute("SELECT count(*) FROM fan_in_groups WHERE done_by IS NULL")
        assert open_parts.fetchone() == (0,)
        owners = connection.execute("SELECT count(owner) FROM group_partitions").fetchone()
        behind = connection.execute("SELECT count(*) FROM group_completed").fetchone()
        letters = connection.execute(
            "SELECT count(*) FROM events WHERE type = 'dead_letter' OR type LIKE 'dead%'"
        ).fetchone()
    assert (owners, behind, letters) == ((0,), (0,), (0,))
    assert survived.lag() == 0


def _objects(data: Path) -> list[Path]:
    return [file for file in (data / "objects").rglob("*") if file.is_file()]
