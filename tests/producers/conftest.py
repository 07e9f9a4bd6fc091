"""A runtime on a temporary data folder, as producers see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings


@pytest.fixture
async def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runtime]:
    monkeypatch.chdir(tmp_path)  # no lineal.toml of whoever runs the tests
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1, upload_mb=1)
    async with open_runtime(settings) as opened:
        yield opened
