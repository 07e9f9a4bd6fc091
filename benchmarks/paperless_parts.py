"""The peer of documents.vs_paperless, run in an environment of its own: a consumer made of the
parts that paperless-ngx consumes with, in the way that it does by default.

It knows nothing of lineal. Its first argument is the folder of files, its second one for results.
It consumes the files one after the other, as one task worker of paperless-ngx does, and prints the
seconds from the first to the last one's being searchable.

Source: paperless-ngx's defaults (documentation, "Configuration"): one task worker, its threads as
many as there are cores, mode ``skip``, deskewing, rotation from a confidence of 12, an archive file
for every PDF and picture. PDF/A, which needs a Ghostscript that not every system has, thumbnails,
dates and matching are left out here, all of which take time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

_PICTURES = (".png", ".jpg")
_PICTURE_DPI = 300


def _ocr(source: Path, target: Path) -> str:
    import ocrmypdf  # type: ignore[import-not-found]

    text_file = target.with_suffix(".txt")
    before = _layer(source) if source.suffix == ".pdf" else ""
    ocrmypdf.ocr(
        source,
        target,
        language=["eng"],
        skip_text=True,
        output_type="pdf",
        deskew=True,
        rotate_pages=True,
        rotate_pages_threshold=12.0,
        sidecar=None if before else text_file,
        jobs=os.cpu_count(),
        progress_bar=False,
        use_threads=True,
        image_dpi=_PICTURE_DPI if source.suffix in _PICTURES else None,
    )
    return before or text_file.read_text()


def _layer(source: Path) -> str:
    done = subprocess.run(
        ["pdftotext", "-q", "-layout", "-enc", "UTF-8", str(source), "-"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout if len(done.stdout.strip()) > 50 else ""


def main() -> None:
    import tantivy  # type: ignore[import-not-found]

    inbox, results = map(Path, sys.argv[1:3])
    for program in ("tesseract", "pdftotext"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed")
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("name", stored=True)
    builder.add_text_field("content", stored=True)
    folder = results / "index"
    folder.mkdir()
    index = tantivy.Index(builder.build(), path=str(folder))
    begun = time.perf_counter()
    for number, file in enumerate(sorted(inbox.iterdir())):
        if file.suffix == ".txt":
            content = file.read_text()
        else:
            content = _ocr(file, results / f"{number}.pdf")
        writer = index.writer()
        writer.add_document(tantivy.Document(name=file.name, content=content))
        writer.commit()
        writer.wait_merging_threads()
    seconds = time.perf_counter() - begun
    index.reload()
    assert index.searcher().num_docs == len(list(inbox.iterdir()))
    print(seconds)


if __name__ == "__main__":
    main()
