"""The ledger: what a record costs, and how fast one document's story is told out of a million."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.measurement import LINEAL, Benchmark, Result, alone
from lineal.lineage.ledger import Ledger, records_of_root
from lineal.lineage.record import Artifact, Build, Record
from lineal.store.sqlite import SqliteConnection, connect
from lineal.store.tables import create_tables
from lineal_cli.lifetime import collect_garbage_rarely

_BUILD = Build("ocr", "1", "c" * 64, "d" * 64)
_APPENDED = 20_000
_BATCH = 500
_RUNS = 5
_LEDGER = 1_000_000
_STEPS_PER_DOCUMENT = 10


def _artifacts(number: int, step: int) -> tuple[list[Artifact], list[Artifact]]:
    """What a step of the ocr stage reads and makes; found by the step, not by its record."""
    read, made = (sha256(f"{role} {number}/{step}".encode()).hexdigest() for role in ("in", "out"))
    return [
        Artifact(read, "application/json", 700, "event"),
        Artifact(read[::-1], "application/pdf", 70_000, "content"),
    ], [
        Artifact(made, "application/json", 800, "event"),
        Artifact(made[::-1], "application/gzip", 7_000, "result"),
    ]


def _record(number: int, inputs: list[Artifact], outputs: list[Artifact]) -> Record:
    return Record(
        kind="step",
        root=f"document:{number:032x}",
        build=_BUILD,
        started=1_795_000_000_000_000 + number,
        duration=700_000,
        outcome="done",
        actor="stage:ocr",
        worker="host/1234",
        step=inputs[0].sha256,
        inputs=inputs,
        outputs=outputs,
        events_in=[f"{number:032x}"],
        events_out=[f"{number:031x}f"],
        trace="0" * 32,
    )


@contextlib.contextmanager
def _new_database(folder: Path) -> Iterator[SqliteConnection]:
    with contextlib.closing(connect(folder / "lineal.db", "full")) as database:
        create_tables(database)
        yield database


def measure_append() -> Sequence[Result]:
    """Microseconds to make a record, and to make it and insert it at full durability."""
    collect_garbage_rarely()
    made, inserted = [], []
    artifacts = [_artifacts(number, 0) for number in range(_APPENDED)]
    for _ in range(_RUNS):
        begun = time.perf_counter()
        for number, (read, written) in enumerate(artifacts):
            sha256(_record(number, read, written).canonical()).digest()
        made.append((time.perf_counter() - begun) / _APPENDED * 1e6)
        inserted.append(_append(artifacts))
    return [
        alone("lineage.make", "µs/record", "<= 10", made),
        alone("lineage.append", "µs/record", "<= 30", inserted),
    ]


def _append(artifacts: Sequence[tuple[list[Artifact], list[Artifact]]]) -> float:
    ledger = Ledger()
    with (
        tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder,
        _new_database(Path(folder)) as database,
    ):
        begun = time.perf_counter()
        for first in range(0, _APPENDED, _BATCH):
            records = [
                _record(number, *artifacts[number]) for number in range(first, first + _BATCH)
            ]
            database.execute("BEGIN IMMEDIATE")
            ledger.append(database, records)
            database.execute("COMMIT")
        return (time.perf_counter() - begun) / _APPENDED * 1e6


def measure_query() -> Sequence[Result]:
    """The whole story of one document out of a million records: in the store, and the command."""
    documents = _LEDGER // _STEPS_PER_DOCUMENT
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        with _new_database(Path(folder)) as database:
            database.execute("PRAGMA synchronous = OFF")
            ledger = Ledger()
            for first in range(0, documents, 1_000):
                database.execute("BEGIN IMMEDIATE")
                ledger.append(
                    database,
                    [
                        _record(number, *_artifacts(number, step))
                        for step in range(_STEPS_PER_DOCUMENT)
                        for number in range(first, first + 1_000)
                    ],
                )
                database.execute("COMMIT")
            database.execute(
                "INSERT INTO registry SELECT document_id, 'default', 'a.pdf', NULL, NULL, NULL, 0 "
                "FROM operations"
            )
            wanted = [f"document:{number * 997 % documents:032x}" for number in range(1_000)]
            times = []
            for root in wanted:
                begun = time.perf_counter()
                found = records_of_root(database, root)
                times.append((time.perf_counter() - begun) * 1000)
                assert len(found) == _STEPS_PER_DOCUMENT
        commands = []
        for root in wanted[:9]:
            begun = time.perf_counter()
            subprocess.run(
                [str(LINEAL), "lineage", root.removeprefix("document:"), "--data", folder],
                check=True,
                capture_output=True,
            )
            commands.append((time.perf_counter() - begun) * 1000)
    return [
        alone("lineage.query", "ms", "< 1", times),
        alone("lineage.query_command", "ms", "< 300", commands),
    ]


BENCHMARKS = (
    Benchmark(("lineage.make", "lineage.append"), measure_append),
    Benchmark(("lineage.query", "lineage.query_command"), measure_query),
)
