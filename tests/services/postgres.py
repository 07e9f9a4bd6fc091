"""Fixtures: a Postgres, started at most once in a test run, and a database of one's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lineal_local.postgres import Postgres
from tests.services.missing import skipped_when_unavailable
from tests.services.running import shared


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server. No test cuts the power, so it does not wait for the disk."""
    server = Postgres(fsync=False)
    with skipped_when_unavailable():
        server.start()
    try:
        with shared(server):
            yield server
    finally:
        server.stop()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty database for this test alone."""
    with postgres.database() as url:
        yield url
