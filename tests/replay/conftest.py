"""A runtime to replay on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    settings = Settings(data=tmp_path, durability="normal", partitions=3)
    async with open_runtime(settings) as opened:
        yield opened
