"""Sandboxed workers may read the files of settings, beside objects."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from lineal.workers.pool import WorkerPool
from lineal_catalog.file_formats.office_program import find_office_program
from lineal_consumers.diagrams.config import DiagramsConfig
from lineal_consumers.diagrams.stage import diagrams
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.stage import recognize
from lineal_consumers.restyle.config import RestyleConfig, models_read
from tests.workers.tasks import read_file


async def read_by_worker(allowed: Iterable[Path], *files: Path) -> list[str]:
    workers = WorkerPool(1, seconds=60, sandbox=True)
    workers.allow_reading(allowed)
    workers.start()
    try:
        return [await workers.run(read_file, str(file)) for file in files]
    finally:
        await workers.close()


async def test_diagrams_reads_the_icons_of_a_vocabulary(tmp_path: Path) -> None:
    vocabulary, icon = tmp_path / "services.toml", tmp_path / "queue.png"
    vocabulary.write_text('[[service]]\nname = "Queue"\nicons = ["queue.png"]\n')
    icon.write_bytes(b"an icon")
    assert diagrams.reads is not None
    allowed = diagrams.reads(DiagramsConfig(vocabulary=vocabulary))
    assert await read_by_worker(allowed, icon) == ["read"]


async def test_ocr_runs_an_office_program_that_is_installed_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "opt" / "libreoffice9.9"
    program, library = installed / "program" / "soffice", installed / "share" / "fonts.list"
    linked = tmp_path / "bin" / "libreoffice9.9"
    for file in (program, library, linked):
        file.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    library.write_text("a font")
    linked.symlink_to(program)
    monkeypatch.setenv("PATH", f"{linked.parent}:/nowhere")
    assert recognize.reads is not None
    allowed = recognize.reads(OcrConfig())
    assert await read_by_worker(allowed, program, library) == ["read", "read"]
    assert find_office_program() == str(linked)


async def test_restyle_reads_models_that_lie_in_a_cache_as_links(tmp_path: Path) -> None:
    stored, snapshot = tmp_path / "blobs" / "3f2a", tmp_path / "snapshots" / "main"
    for folder in (stored.parent, snapshot, models := tmp_path / "models"):
        folder.mkdir(parents=True)
    stored.write_bytes(b"weights")
    (snapshot / "model.safetensors").symlink_to("../../blobs/3f2a")
    (models / "inpaint").symlink_to(snapshot)
    allowed = models_read(RestyleConfig(models={"diffusers": models}))
    assert set(allowed) == {models, snapshot, stored}
    weights = models / "inpaint" / "model.safetensors"
    assert await read_by_worker(allowed, weights) == ["read"]
