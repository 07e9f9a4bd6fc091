"""Installations of a bus on an emulator, each under a prefix of its own."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from lineal_local.aws import Emulator
from tests.bus.aws.harness import Installation
from tests.services.aws_archive import ArchiveProxy


def make_installation(
    emulator: Emulator, endpoint: str, data: Path, patch: pytest.MonkeyPatch, **query: Any
) -> Installation:
    """A new installation on an emulator."""
    for name, value in emulator.environment.items():
        patch.setenv(name, value)
    given = {"endpoint": endpoint, "prefix": f"b{uuid.uuid4().hex[:10]}-", "wait_seconds": 1}
    bus = f"aws://{emulator.region}?{urlencode({**given, **query})}"
    return Installation(bus=bus, folder=str(data))


@pytest.fixture
def installation(aws: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Ministack as it is: no archive."""
    return make_installation(aws, aws.endpoint_url, tmp_path / "data", monkeypatch)


@pytest.fixture(params=["aws", "aws_moto"])
def either(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """Ministack, and moto for a second opinion."""
    emulator: Emulator = request.getfixturevalue(request.param)
    return make_installation(emulator, emulator.endpoint_url, tmp_path / "data", monkeypatch)


@pytest.fixture
def proxied(
    aws: Emulator, aws_archive: ArchiveProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """Ministack behind the proxy."""
    return make_installation(
        aws, aws_archive.endpoint_url, tmp_path / "data", monkeypatch, archive_days=1
    )
