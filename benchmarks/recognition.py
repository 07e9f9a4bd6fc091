"""How well pages are read: character errors on scans and photos whose text is known.

The seeds are not those by which settings were chosen.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measurement import Benchmark, Result
from benchmarks.photos import Paper, photo
from benchmarks.scans import LAYOUTS, scan

_SCAN_SEEDS = range(7_000, 7_004)
_PHOTO_SEEDS = range(7_000, 7_008)
_PAPERS: tuple[Paper, ...] = ("letter", "receipt")


def _read(data: bytes, folder: Path) -> str:
    from lineal_consumers.ocr.config import OcrConfig
    from lineal_consumers.ocr.reading import read_part
    from lineal_schemas.documents import PageRange
    from lineal_schemas.results import TextResult

    path = folder / "page"
    path.write_bytes(data)
    pages = PageRange(first=1, last=1, method="ocr")
    return TextResult.from_gzip(read_part(str(path), "image", pages, OcrConfig())).text


def _bare(data: bytes) -> str:
    """Tesseract alone, as its own program reads an image."""
    import io

    import tesserocr
    from PIL import Image

    from lineal_consumers.ocr.languages import joined_folder

    with tesserocr.PyTessBaseAPI(path=joined_folder(), lang="eng") as api:
        api.SetImage(Image.open(io.BytesIO(data)).convert("L"))
        return str(api.GetUTF8Text())


def character_errors(text: str, truth: str) -> float:
    """Insertions, deletions and replacements in percent of the characters, white space as one."""
    from rapidfuzz.distance import Levenshtein

    got, wanted = (re.sub(r"\s+", " ", each).strip() for each in (text, truth))
    return 100 * Levenshtein.distance(got, wanted) / len(wanted)


def _compared(
    name: str, goals: tuple[str, str], pages: Sequence[tuple[bytes, str]]
) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="lineal-benchmark-") as folder:
        ours = [character_errors(_read(data, Path(folder)), truth) for data, truth in pages]
    theirs = [character_errors(_bare(data), truth) for data, truth in pages]
    peer = "bare tesseract"
    mean, bare = sum(ours) / len(ours), sum(theirs) / len(theirs)
    return [
        Result(f"{name}_mean", mean, "% of characters", goals[0], peer, bare),
        Result(f"{name}_worst", max(ours), "% of characters", goals[1], peer, max(theirs)),
    ]


def measure_scans() -> Sequence[Result]:
    """32 scans: prose, columns, invoices, forms, each clean and worn."""
    pages = [
        scan(seed, layout, worn=worn)
        for seed in _SCAN_SEEDS
        for layout in LAYOUTS
        for worn in (False, True)
    ]
    return _compared("documents.scan_errors", ("<= 0.6", "<= 2"), pages)


def measure_photos() -> Sequence[Result]:
    """16 photos of letters and receipts on a table."""
    photos = [photo(seed, paper) for seed in _PHOTO_SEEDS for paper in _PAPERS]
    pages = [(made.jpeg, "\n".join(made.lines)) for made in photos]
    return _compared("documents.photo_errors", ("<= 2", "<= 2"), pages)


BENCHMARKS = (
    Benchmark(
        ("documents.scan_errors_mean", "documents.scan_errors_worst"),
        measure_scans,
        limit_s=400,
        timed=False,
    ),
    Benchmark(
        ("documents.photo_errors_mean", "documents.photo_errors_worst"),
        measure_photos,
        limit_s=400,
        timed=False,
    ),
)
