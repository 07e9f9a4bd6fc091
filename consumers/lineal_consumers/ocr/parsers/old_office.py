"""DOC, XLS and PPT by LibreOffice, in a process of its own: it writes the format of today, which is
then read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from lineal.stages import Reject
from lineal_catalog.file_formats.office_program import find_office_program
from lineal_consumers.ocr.office_kit import MAX_SECONDS, find_library
from lineal_consumers.ocr.parsers.parsed import Parsed, ParsedPage
from lineal_schemas.documents import DocumentKind

_SECONDS = 120
_SLIDES = "PowerPoint Document".encode("utf-16-le")
"""The name of the stream of a presentation, in the directory of a compound file."""


def read_old_office(path: Path, kind: DocumentKind) -> Parsed:
    """A text, the sheets of a workbook, or the slides of a presentation, as one page: how many
    there are is only known afterwards.

    Raises:
        Reject: LibreOffice is not installed, or cannot read it.
    """
    program = find_office_program()
    if program is None:
        raise Reject("Office files from before 2007 are read with LibreOffice: install it")
    formats: tuple[str, ...] = ("xlsx",) if kind == "sheet" else ("docx", "pptx")
    if kind != "sheet" and _SLIDES in path.read_bytes():
        formats = ("pptx",)
    with tempfile.TemporaryDirectory(prefix="lineal-office-") as folder:
        for format in formats:
            made = _converted(program, path, format, Path(folder))
            if made is not None:
                return _one_page(_read(made, format))
    raise Reject("the document is damaged: LibreOffice cannot read it")


def _converted(program: str, path: Path, format: str, folder: Path) -> Path | None:
    made = folder / f"made.{format}"
    library = find_library(program)
    if library is not None:
        command = [
            sys.executable, "-m", "lineal_consumers.ocr.office_kit", str(library),
            str(folder / "profile"), str(path.resolve()), str(made), format,
        ]  # fmt: skip
    else:
        command = [
            program, f"-env:UserInstallation=file://{folder}/profile", "--headless",
            "--norestore", "--nolockcheck", "--convert-to", format, "--outdir", str(folder),
            str(path.resolve()),
        ]  # fmt: skip
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            timeout=_SECONDS,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(folder),
                "TMPDIR": str(folder),
                # It draws nothing, and needs no screen for that.
                "SAL_USE_VCLPLUGIN": "svp",
                # Where its socket is, instead of the system's temporary folder.
                "OSL_SOCKET_PATH": str(folder),
            },
        )
    except subprocess.TimeoutExpired as error:
        raise Reject(f"LibreOffice takes longer than {_SECONDS} s to read it") from error
    if done.returncode == -signal.SIGXCPU:
        raise Reject(f"LibreOffice takes more than {MAX_SECONDS} s of processor time to read it")
    return next(folder.glob(f"*.{format}"), None)


def _read(path: Path, format: str) -> Parsed:
    from lineal_consumers.ocr.parsers.slides import read_slides
    from lineal_consumers.ocr.parsers.word import read_word
    from lineal_consumers.ocr.parsers.workbook import read_workbook

    return {"docx": read_word, "xlsx": read_workbook, "pptx": read_slides}[format](path)


def _one_page(parsed: Parsed) -> Parsed:
    page = ParsedPage("\n\n".join(page.text for page in parsed.pages))
    for part in parsed.pages:
        page.tables += part.tables
        page.key_values += part.key_values
        page.pictures += part.pictures
        for doubt in part.doubts:
            page.doubt(doubt)
    return Parsed(parsed.engine, [page])
