"""How long a new user waits: `lineal up` ready, and the first dropped scan searchable."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measurement import LINEAL, Benchmark, Result, alone
from benchmarks.pages import scan_pdf

_RUNS = 3


def measure_start() -> Sequence[Result]:
    """Seconds from the command to ready, and from a dropped one-page scan to finding it."""
    scan = scan_pdf(7, 1)
    runs = [_start_and_drop(scan) for _ in range(_RUNS)]
    return [
        alone("start", "s", "< 3", [ready for ready, _ in runs]),
        alone("start.first_scan", "s", "< 5", [searchable for _, searchable in runs]),
    ]


def _start_and_drop(scan: bytes) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        inbox = Path(folder) / "inbox"
        begun = time.perf_counter()
        daemon = subprocess.Popen(
            [LINEAL, "up", "--inbox", inbox, "--port", "0", "--data", f"{folder}/data", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert daemon.stdout is not None
        try:
            daemon.stdout.readline()
            ready = time.perf_counter() - begun
            (inbox / "scan.pdf").write_bytes(scan)
            dropped = time.perf_counter()
            document = json.loads(daemon.stdout.readline())
            searchable = time.perf_counter() - dropped
            assert document["status"] == "indexed", document
        finally:
            daemon.terminate()
            daemon.wait()
        return ready, searchable


BENCHMARKS = (Benchmark(("start", "start.first_scan"), measure_start),)
