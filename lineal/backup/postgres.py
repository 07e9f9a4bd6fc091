"""Dumps and restores a store in Postgres by its own tools."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lineal.backup.postgres_tools import NoTool, find_tools
from lineal.proof.log_tables import LogRow, last_record, read_log
from lineal.store.private import make_private_file


def dump(url: str, file: Path, *, without: Sequence[str] = ()) -> None:
    """Dump a store, one state of it, in the custom format of ``pg_dump``.

    Args:
        without: tables whose rows are left out.

    Raises:
        NoTool: there is no ``pg_dump`` that is as new as the server, or it fails.
    """
    make_private_file(file)
    left_out = [f"--exclude-table-data={table}" for table in without]
    _run("pg_dump", url, "--format=custom", "--no-owner", "--no-acl", *left_out, f"--file={file}")


def ledger_of(url: str) -> tuple[int, LogRow | None]:
    """How many records a store has, and what it says of its log.

    Raises:
        StoreUnavailable, StoreRejected
    """
    from lineal.store.postgres.connection import connect

    with contextlib.closing(connect(url)) as connection:
        row = read_log(connection)  # first: nothing is signed that is not there
        return last_record(connection), row


def load(url: str, file: Path) -> LogRow | None:
    """Load a dump into an empty database: all of it, or nothing.

    Returns:
        What the store says of its log, which nobody extends there.

    Raises:
        NoTool: there is no ``pg_restore`` that is as new as the server and as the dump, or it
            fails.
    """
    _run("pg_restore", url, "--no-owner", "--no-acl", "--single-transaction", str(file))
    import psycopg

    from lineal.store.postgres.connection import connect

    with psycopg.connect(url) as writing:
        writing.execute("UPDATE ledger_log SET owner = NULL, lease_until = 0")
    with contextlib.closing(connect(url)) as connection:
        return read_log(connection)


_TOO_NEW = "unsupported version"
"""What ``pg_restore`` says of the dump of a newer ``pg_dump``, before it has changed anything."""


def _run(tool: str, url: str, *arguments: str) -> None:
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    given = conninfo_to_dict(url)
    password = given.pop("password", None)
    # Not among the arguments, which everybody on this machine can read.
    environment = os.environ if password is None else {**os.environ, "PGPASSWORD": str(password)}
    # psycopg takes any type of value
    name = make_conninfo(**given)  # type: ignore[arg-type]
    said = ""
    for found in find_tools(tool, _server_version(url)):
        done = subprocess.run(
            [found.path, f"--dbname={name}", *arguments],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        said = f"{tool} of Postgres {found.major} failed: {last}"
        if _TOO_NEW not in done.stderr:
            break
    raise NoTool(said)


def _server_version(url: str) -> int:
    """The major version of a server.

    Raises:
        NoTool: it does not answer.
    """
    import psycopg

    try:
        with psycopg.connect(url) as connection:
            return connection.info.server_version // 10_000
    except psycopg.Error as error:
        raise NoTool(f"the server cannot be asked for its version: {error}") from error
