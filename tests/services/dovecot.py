"""Fixture: a mail server, started at most once in a test run. Each test takes a user of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from lineal_local.dovecot import Dovecot
from tests.services.missing import skipped_when_unavailable
from tests.services.oauth import OAuthServer
from tests.services.running import shared

PASSWORD = "a secret"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def oauth() -> Iterator[OAuthServer]:
    """The OAuth 2.0 server whose tokens the mail server takes."""
    with OAuthServer() as server:
        yield server


@pytest.fixture(scope="session")
def dovecot(oauth: OAuthServer) -> Iterator[Dovecot]:
    server = Dovecot(
        {f"user{number}": PASSWORD for number in range(100)},
        introspection_url=oauth.introspection_url,
    )
    with skipped_when_unavailable():
        server.start()
    try:
        with shared(server):
            yield server
    finally:
        server.stop()


@pytest.fixture
def mail_user() -> str:
    """A user with an empty mailbox."""
    return f"user{next(_numbers)}"
