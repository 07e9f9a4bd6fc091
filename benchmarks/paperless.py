"""The same mixed files through ``lineal up`` and through the parts of paperless-ngx."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measurement import LINEAL, Benchmark, Result, against_peer
from benchmarks.pages import prose, scan_pdf, text_pdf
from lineal_local.environments import set_up_environment

_FILES = 200
_WORKERS = 2
_PEER = "OCRmyPDF, poppler and tantivy as paperless-ngx uses them, same files"


def measure_vs_paperless() -> Sequence[Result]:
    """Files a second to being searchable; the peer is no package, so it is put together.

    Raises:
        Unavailable: it cannot be had here; says what to install.
    """
    python = set_up_environment("paperless")
    files = mixed_files(_FILES)
    pair = _FILES / _lineal(files), _FILES / _paperless(python, files)
    return [against_peer("documents.vs_paperless", "files/s", "ratio >= 3", _PEER, [pair])]


def mixed_files(count: int) -> list[tuple[str, bytes]]:
    """Of ten: four PDFs with text, two texts, two scans, a photo of a page, a scan as a picture."""
    made = []
    for number in range(count):
        seed = 5_000 + number
        match number % 10:
            case 0 | 1 | 2 | 3:
                made.append((f"{number:03}.pdf", text_pdf(seed, 1 + number % 4)))
            case 4 | 5:
                made.append((f"{number:03}.txt", prose(seed, 3_000).encode()))
            case 6 | 7:
                made.append((f"{number:03}.pdf", scan_pdf(seed, 1 + number % 2)))
            case 8:
                made.append((f"{number:03}.jpg", _picture(seed, "JPEG")))
            case _:
                made.append((f"{number:03}.png", _picture(seed, "PNG")))
    return made


def _picture(seed: int, format: str) -> bytes:
    import pypdfium2

    document = pypdfium2.PdfDocument(scan_pdf(seed, 1))
    out = io.BytesIO()
    page = document[0].render(scale=300 / 72, grayscale=True).to_pil()
    page.save(out, format=format, dpi=(300, 300), quality=85)
    return out.getvalue()


def _lineal(files: Sequence[tuple[str, bytes]]) -> float:
    """Seconds from the first file in the inbox of ``lineal up`` to the last one indexed."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        inbox = Path(folder) / "inbox"
        daemon = subprocess.Popen(
            [LINEAL, "up", "--inbox", inbox, "--port", "0", "--data", f"{folder}/data", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "LINEAL_WORKERS": str(_WORKERS)},
        )
        assert daemon.stdout is not None
        try:
            daemon.stdout.readline()
            begun = time.perf_counter()
            for name, data in files:
                (inbox / name).write_bytes(data)
            waiting = {name for name, _ in files}
            while waiting:
                document = json.loads(daemon.stdout.readline())
                assert document["status"] == "indexed", document
                waiting.discard(document["name"])
            return time.perf_counter() - begun
        finally:
            daemon.kill()
            daemon.wait()


def _paperless(python: Path, files: Sequence[tuple[str, bytes]]) -> float:
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        inbox, results = Path(folder) / "inbox", Path(folder) / "results"
        inbox.mkdir()
        results.mkdir()
        for name, data in files:
            (inbox / name).write_bytes(data)
        script = Path(__file__).with_name("paperless_parts.py")
        done = subprocess.run(
            [python, script, inbox, results],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
        return float(done.stdout.split()[-1])


BENCHMARKS = (
    Benchmark(
        ("documents.vs_paperless",), measure_vs_paperless, environments=("paperless",), limit_s=900
    ),
)
