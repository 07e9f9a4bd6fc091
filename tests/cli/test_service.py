"""The service as somebody's own process runs it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from lineal.settings import Settings
from lineal_cli.service import serve


@pytest.mark.parametrize("variable", [None, "own"])
async def test_temporary_files_are_private_while_it_runs_and_not_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    if variable is None:
        monkeypatch.delenv("TMPDIR", raising=False)
    else:
        monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = tempfile.gettempdir(), os.environ.get("TMPDIR")
    data = tmp_path / "data"
    async with serve(Settings(data=data), ()):
        assert Path(tempfile.gettempdir()) == Path(os.environ["TMPDIR"]) == data / "tmp"
    assert (tempfile.gettempdir(), os.environ.get("TMPDIR")) == before
