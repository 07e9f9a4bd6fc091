"""Fixtures: the AWS emulators. Each starts at most once in a test run.

Names of queues, topics and buckets are the test's own affair: take some that no other test takes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lineal_local.aws import Emulator, Ministack, Moto
from tests.services.aws_archive import ArchiveProxy
from tests.services.missing import skipped_when_unavailable
from tests.services.running import shared


def _started(server: Emulator) -> Iterator[Emulator]:
    with skipped_when_unavailable():
        server.start()
    try:
        with shared(server):
            yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def aws() -> Iterator[Emulator]:
    """Ministack."""
    yield from _started(Ministack())


@pytest.fixture(scope="session")
def aws_moto() -> Iterator[Emulator]:
    """Moto server, where a second opinion is wanted."""
    yield from _started(Moto())


@pytest.fixture(scope="session")
def aws_archive(aws: Emulator) -> Iterator[ArchiveProxy]:
    """Ministack behind a proxy that gives its topics an archive."""
    proxy = ArchiveProxy(aws)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
