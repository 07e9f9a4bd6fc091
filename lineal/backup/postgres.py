"""Dumps and restores a store in Postgres by its own tools."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lineal.errors import LinealError
from lineal.proof.log_tables import LogRow, read_log
from lineal.store.private import make_private_file


class NoTool(LinealError):
    """A tool of Postgres is not installed, or has failed."""


def dump(url: str, file: Path, *, without: Sequence[str] = ()) -> None:
    """Dump a store, one state of it, in the custom format of ``pg_dump``.

    Args:
        without: tables whose rows are left out.

    Raises:
        NoTool: ``pg_dump`` is not there, or fails.
    """
    make_private_file(file)
    left_out = [f"--exclude-table-data={table}" for table in without]
    _run("pg_dump", url, "--format=custom", "--no-owner", "--no-acl", *left_out, f"--file={file}")


def load(url: str, file: Path) -> LogRow | None:
    """Load a dump into an empty database.

    Returns:
        What the store says of its log, which nobody extends there.

    Raises:
        NoTool: ``pg_restore`` is not there, or fails.
    """
    _run("pg_restore", url, "--no-owner", "--no-acl", "--exit-on-error", str(file))
    import psycopg

    from lineal.store.postgres.connection import connect

    with psycopg.connect(url) as writing:
        writing.execute("UPDATE ledger_log SET owner = NULL, lease_until = 0")
    with contextlib.closing(connect(url)) as connection:
        return read_log(connection)


def _run(tool: str, url: str, *arguments: str) -> None:
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    found = shutil.which(tool)
    if found is None:
        raise NoTool(f"there is no {tool} here: install the client of Postgres (postgresql-client)")
    given = conninfo_to_dict(url)
    password = given.pop("password", None)
    # Not among the arguments, which everybody on this machine can read.
    environment = os.environ if password is None else {**os.environ, "PGPASSWORD": str(password)}
    # psycopg takes any type of value
    name = make_conninfo(**given)  # type: ignore[arg-type]
    done = subprocess.run(
        [found, f"--dbname={name}", *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise NoTool(f"{tool} failed: {said}")
