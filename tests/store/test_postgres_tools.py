"""The pg_dump that suits the server is taken, or it is said what to install."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal.backup.postgres_tools import NoTool, find_tools


def install(folder: Path, version: str, name: str = "pg_dump") -> Path:
    """A tool that says its version."""
    folder.mkdir(parents=True, exist_ok=True)
    tool = folder / name
    tool.write_text(f'#!/bin/sh\necho "{name} (PostgreSQL) {version}"\n')
    tool.chmod(0o755)
    return tool


def tools(folder: Path, server: int) -> list[str]:
    found = find_tools(
        "pg_dump", server, path=str(folder / "bin"), folders=[str(folder / "lib/*/bin")]
    )
    return [tool.path for tool in found]


def test_the_version_of_the_server_comes_before_newer_ones(tmp_path: Path) -> None:
    install(tmp_path / "bin", "15.14 (Debian 15.14-0+deb12u1)")
    newest = install(tmp_path / "lib/18/bin", "18beta1")
    same = install(tmp_path / "lib/17/bin", "17.2")
    assert tools(tmp_path, 17) == [str(same), str(newest)]
    assert tools(tmp_path, 16) == [str(same), str(newest)]
    assert tools(tmp_path, 15)[0] == str(tmp_path / "bin" / "pg_dump")


def test_a_server_that_is_newer_than_every_tool_is_named(tmp_path: Path) -> None:
    install(tmp_path / "bin", "15.14")
    with pytest.raises(NoTool, match=r"Postgres 17.*newest pg_dump here is of 15.*client-17"):
        tools(tmp_path, 17)


def test_what_to_install_is_said_where_there_is_none(tmp_path: Path) -> None:
    broken = install(tmp_path / "lib/16/bin", "16.1")
    broken.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(NoTool, match="there is no pg_dump here: install the client of Postgres 16"):
        tools(tmp_path, 16)
