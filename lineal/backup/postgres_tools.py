"""Finds ``pg_dump`` and ``pg_restore`` of a version that suits a server.

``pg_dump`` refuses a server that is newer than itself, and machines often have several versions
side by side, of which the one on the path need not be the newest.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lineal.errors import LinealError

FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian
    "/usr/pgsql-*/bin",  # Red Hat
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/opt/libpq/bin",
)
"""Where packages put the tools of each version, beside the path."""
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_SECONDS = 10


class NoTool(LinealError):
    """A tool of Postgres is not installed, too old, or has failed."""


class InstalledTool(NamedTuple):
    """A tool of one version."""

    major: int
    path: str


def find_tools(
    tool: str, server: int, *, path: str | None = None, folders: Sequence[str] = FOLDERS
) -> list[InstalledTool]:
    """The tools that can work with a server, the one of its own version first.

    Args:
        server: its major version.
        path: folders as in ``PATH``; None: those of this process.
        folders: patterns of others.

    Raises:
        NoTool: there is none, or all are older than the server.
    """
    found = {one.major: one for one in reversed(list(_installed(tool, path, folders)))}
    suitable = sorted(major for major in found if major >= server)
    if suitable:
        return [found[major] for major in suitable]
    install = (
        f"install the client of Postgres {server} (Debian and Ubuntu: `apt-get install "
        f"postgresql-client-{server}`, where needed from apt.postgresql.org; Red Hat: "
        f"postgresql{server}), or run the command in a container of postgres:{server}"
    )
    if not found:
        raise NoTool(f"there is no {tool} here: {install}")
    newest = found[max(found)]
    raise NoTool(
        f"the server is Postgres {server}, and the newest {tool} here is of {newest.major} "
        f"({newest.path}): {install}"
    )


def _installed(tool: str, path: str | None, folders: Iterable[str]) -> Iterator[InstalledTool]:
    given = shutil.which(tool, path=path)
    candidates = [] if given is None else [given]
    for pattern in folders:
        places = sorted(Path("/").glob(pattern.lstrip("/")))
        candidates += [str(place / tool) for place in places if os.access(place / tool, os.X_OK)]
    for candidate in dict.fromkeys(candidates):
        if (major := _version(candidate)) is not None:
            yield InstalledTool(major, candidate)


def _version(path: str) -> int | None:
    """None: it does not say."""
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(said.stdout)
    return None if found is None else int(found[1])
