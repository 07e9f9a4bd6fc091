"""A bus on an emulator, under a prefix of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from lineal.settings import Settings
from lineal_local.aws import Emulator
from tests.services.aws_archive import ArchiveProxy

MakeSettings = Callable[..., Settings]


def make_settings(
    emulator: Emulator, endpoint: str, data: Path, patch: pytest.MonkeyPatch, **query: Any
) -> Settings:
    """Settings of a new installation on an emulator."""
    for name, value in emulator.environment.items():
        patch.setenv(name, value)
    given = {"endpoint": endpoint, "prefix": f"b{uuid.uuid4().hex[:10]}-", "wait_seconds": 1}
    return Settings(
        data=data,
        durability="normal",
        lease_seconds=2.0,
        bus=f"aws://{emulator.region}?{urlencode({**given, **query})}",
    )


@pytest.fixture
def settings(aws: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Ministack as it is: no archive."""
    return make_settings(aws, aws.endpoint_url, tmp_path / "data", monkeypatch)


@pytest.fixture(params=["aws", "aws_moto"])
def either(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Ministack, and moto for a second opinion."""
    emulator: Emulator = request.getfixturevalue(request.param)
    return make_settings(emulator, emulator.endpoint_url, tmp_path / "data", monkeypatch)


@pytest.fixture
def proxied(
    aws: Emulator, aws_archive: ArchiveProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Ministack behind the proxy."""
    return make_settings(
        aws, aws_archive.endpoint_url, tmp_path / "data", monkeypatch, archive_days=1
    )
