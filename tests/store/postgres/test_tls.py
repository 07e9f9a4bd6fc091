"""TLS is the URL's to ask for, and what it asks for is kept to."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from lineal.errors import StoreRejected
from lineal.store.postgres.connection import connect
from lineal_local.certificates import CertificateAuthority
from lineal_local.postgres import Postgres


@pytest.fixture
def authority(postgres: Postgres, tmp_path: Path) -> Iterator[CertificateAuthority]:
    """The server speaks TLS for the time being, with a certificate of this authority."""
    folder = Path(tempfile.mkdtemp(prefix="lineal-postgres-tls-"))  # the server's user may enter
    folder.chmod(0o755)
    authority = CertificateAuthority(folder)
    server = authority.server()
    with psycopg.connect(postgres.url, autocommit=True) as connection:

        def ask(question: bytes) -> str:
            row = connection.execute(question).fetchone()
            assert row is not None
            return str(row[0])

        if os.geteuid() == 0:
            shutil.chown(server.key, Path(ask(b"SHOW data_directory")).owner())
        for name, value in (
            ("ssl_cert_file", server.certificate), ("ssl_key_file", server.key), ("ssl", "on")
        ):  # fmt: skip
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        _until_offered(postgres.url, lambda: ask(b"SELECT pg_reload_conf()"))
        yield authority
        for name in ("ssl", "ssl_cert_file", "ssl_key_file"):
            connection.execute(f"ALTER SYSTEM RESET {name}".encode())
        ask(b"SELECT pg_reload_conf()")
    shutil.rmtree(folder)


def _until_offered(url: str, reload_settings: Callable[[], str]) -> None:
    """The server that takes connections may read its settings after those that it has. One that
    could not use them as it read them goes on without TLS, until it is to read them again."""
    end = time.monotonic() + 180
    while True:
        reload_settings()
        try:
            psycopg.connect(url, sslmode="require").close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def encrypted(url: str) -> bool:
    connection = connect(url)
    try:
        row = connection.execute(
            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()
        return bool(row[0])
    finally:
        connection.close()


def test_a_server_is_verified_by_its_authority(
    postgres_url: str, authority: CertificateAuthority
) -> None:
    verified = f"?sslmode=verify-full&sslrootcert={authority.certificate}"
    assert encrypted(postgres_url + verified)
    assert not encrypted(f"{postgres_url}?sslmode=disable")


def test_a_server_with_another_authoritys_certificate_is_refused(
    postgres_url: str, authority: CertificateAuthority, tmp_path: Path
) -> None:
    other = CertificateAuthority(tmp_path)
    with pytest.raises(StoreRejected, match="sslrootcert"):
        encrypted(f"{postgres_url}?sslmode=verify-full&sslrootcert={other.certificate}")
