"""A real Postgres in a temporary directory, with a fresh database for whoever asks.

    with Postgres(fsync=False) as postgres:
        url = postgres.create_database()        # postgresql://lineal:...@127.0.0.1:port/name

It listens on 127.0.0.1 only and wants a password. The server refuses to run as root: root runs it
as the user postgres or nobody.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from lineal_local.availability import Unavailable
from lineal_local.ports import free_port
from lineal_local.process import ServerProcess, StartFailed, group_of
from lineal_local.server import LocalServer

USER = "lineal"


class Postgres(LocalServer):
    """One server on a free port of 127.0.0.1 (or on `port`).

    `fsync=False` gives up durability against a power cut, not against kill -9, and makes tests
    faster. `settings` are further lines of postgresql.conf.
    """

    name = "postgres"

    def __init__(
        self,
        *,
        fsync: bool = True,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "on" if fsync else "off",
            "full_page_writes": "on" if fsync else "off",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_line_prefix": "%m [%p] ",
            **(settings or {}),
        }
        self._port = port or free_port()
        self._password = secrets.token_urlsafe(12)

    @property
    def url(self) -> str:
        """The database `postgres`, as a superuser of this server."""
        return self._url("postgres")

    def kill(self, number: int = 0) -> None:
        """kill -9 to the server and to every one of its processes: what was committed stays."""
        if not self._process(number).running:
            return
        # each is the leader of a process group of its own, and holds the shared memory
        children = psutil.Process(self._process(number).pid).children(recursive=True)
        super().kill(number)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=10)

    def shut_down(self, number: int = 0, seconds: float = 30) -> None:
        """A fast shutdown (SIGINT): connections are cut, open transactions rolled back."""
        self._process(number).stop(seconds, signal.SIGINT)

    def create_database(self, prefix: str = "test") -> str:
        """The URL of a new, empty database with UTF-8 text in C order."""
        name = f"{prefix}_{secrets.token_hex(6)}"
        self._execute(f'CREATE DATABASE "{name}"')
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, cutting its connections off."""
        name = url.rpartition("/")[2]
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    @contextmanager
    def database(self, prefix: str = "test") -> Iterator[str]:
        """The URL of a database that is dropped afterwards."""
        url = self.create_database(prefix)
        try:
            yield url
        finally:
            self.drop_database(url)

    def _prepare(self) -> None:
        find_programs()
        _unprivileged_user()

    def _make(self, directory: Path) -> list[ServerProcess]:
        programs, user = find_programs(), _unprivileged_user()
        if user is not None:
            shutil.chown(directory, user)
        self._initialise(programs, directory, user)
        options = (f"--{name}={value}" for name, value in self._settings.items())
        return [
            ServerProcess(
                "postgres",
                [programs / "postgres", "-D", directory / "data", "-p", str(self._port), *options],
                log=directory / "postgres.log",
                ready=lambda: _answers(programs, self._port),
                directory=directory,
                user=user,
            )
        ]

    def _url(self, database: str) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self._port}/{database}"

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _initialise(self, programs: Path, directory: Path, user: str | None) -> None:
        password = directory / "password"  # in a folder that only its owner may enter
        password.write_text(self._password + "\n")
        if user is not None:
            shutil.chown(password, user)
        done = subprocess.run(
            [programs / "initdb", "-D", directory / "data", "-U", USER, "-A", "scram-sha-256",
             f"--pwfile={password}", "--encoding=UTF8", "--locale=C", "--no-sync"],
            capture_output=True, text=True, check=False, cwd=directory,
            user=user, group=group_of(user), extra_groups=[] if user else None,
        )  # fmt: skip
        password.unlink()
        if done.returncode:
            raise StartFailed(f"initdb failed\n{done.stdout}{done.stderr}")


def find_programs() -> Path:
    """The folder of initdb and postgres, the newest version's; Unavailable when there is none."""
    folders = [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *Path("/opt/homebrew/opt").glob("postgresql@*/bin"),
    ]
    folders.sort(key=lambda folder: _version(folder.parent.name), reverse=True)
    if (found := shutil.which("initdb")) is not None:
        folders.append(Path(found).resolve().parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Unavailable("postgres", "install postgresql (Debian, Ubuntu: apt install postgresql)")


def _version(name: str) -> int:
    number = re.search(r"\d+", name)
    return int(number[0]) if number else 0


def _unprivileged_user() -> str | None:
    """Whom root runs the server as; None for anybody else, who runs it as himself."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    raise Unavailable("postgres", "it refuses to run as root: add a user postgres")


def _answers(programs: Path, port: int) -> bool:
    asked: list[str | Path] = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(asked, check=False).returncode == 0
