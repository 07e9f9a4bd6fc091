"""A data folder that is filled once, and a copy for each test."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.erasure.documents import fill


@pytest.fixture(scope="package")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("filled") / "data"
    return folder, asyncio.run(fill(folder))


@pytest.fixture
def ids(filled: tuple[Path, dict[str, str]]) -> dict[str, str]:
    return filled[1]


@pytest.fixture
def data(filled: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(filled[0], folder)
    return folder
