"""All our exceptions descend from one, and the tree that is printed is the tree that there is."""

from __future__ import annotations

import ast
import builtins
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import lineal.errors
from lineal.errors import LinealError, StoreDamaged, StoreFull, StoreUnavailable, Unavailable
from lineal.store.database import Database
from lineal.store.sqlite import connect, connect_read_only

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "lineal", "schemas/lineal_schemas", "scoring/lineal_scoring", "catalog/lineal_catalog",
    "learning/lineal_learning",
    "producers/lineal_producers", "consumers/lineal_consumers", "cli/lineal_cli",
    "console/lineal_console",
    "edge_firmware/lineal_edge",
)  # fmt: skip


def classes() -> Iterator[tuple[str, str, set[str]]]:
    """File, name and bases of every class of ours."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.name, bases


def test_every_exception_of_ours_descends_from_lineal_error() -> None:
    exceptions = {
        name
        for name, value in vars(builtins).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    }
    rooted = {"LinealError"}
    known = list(classes())
    for _ in range(len(known)):
        more = {name for _, name, bases in known if bases & exceptions} - exceptions
        below = {name for _, name, bases in known if bases & rooted} - rooted
        if not more and not below:
            break
        exceptions |= more
        rooted |= below
    outside = [
        f"{place}: {name}"
        for place, name, bases in known
        if name != "LinealError" and bases & exceptions and not bases & rooted
    ]
    assert outside == []


def test_the_tree_in_the_docstring_is_the_one_that_there_is() -> None:
    ours = {
        value
        for value in vars(lineal.errors).values()
        if isinstance(value, type) and issubclass(value, LinealError)
    }

    def lines(parent: type, depth: int) -> Iterator[str]:
        yield "    " * depth + parent.__name__
        children = (cls for cls in ours if parent in cls.__bases__)
        for child in sorted(children, key=lambda cls: cls.__name__):
            yield from lines(child, depth + 1)

    printed = (lineal.errors.__doc__ or "").split("::\n\n")[1].rstrip().splitlines()
    assert printed == list(lines(LinealError, 1))
    assert {cls.__name__ for cls in ours} == set(lineal.errors.__all__)


def test_no_error_of_sqlite_is_handled_outside_of_the_store() -> None:
    handlers = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for package in PACKAGES
        if package != "edge_firmware/lineal_edge"  # it keeps a database of its own
        for path in sorted((ROOT / package).rglob("*.py"))
        if (ROOT / "lineal" / "store") not in path.parents
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and node.type is not None
        and "sqlite3" in ast.unparse(node.type)
    ]
    assert handlers == []


async def test_a_full_database_is_an_outage_and_no_fault_of_the_event(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database.open()
    try:
        with pytest.raises(StoreFull) as full:
            await database.write(_fill)
        assert isinstance(full.value, Unavailable)
        assert isinstance(full.value.__cause__, sqlite3.OperationalError)
    finally:
        await database.close()


def _fill(connection: sqlite3.Connection) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    try:
        connection.execute("INSERT INTO objects VALUES (?, ?)", (b"x", bytes(1 << 20)))
    finally:
        connection.execute("PRAGMA max_page_count = 1073741823")


def test_a_locked_database_and_one_that_is_not_there_are_outages(tmp_path: Path) -> None:
    holder, other = (connect(tmp_path / "lineal.db", "normal") for _ in range(2))
    holder.execute("BEGIN IMMEDIATE")
    other.execute("PRAGMA busy_timeout = 0")
    with pytest.raises(StoreUnavailable, match="busy"):
        other.execute("BEGIN IMMEDIATE")
    holder.execute("ROLLBACK")
    with pytest.raises(StoreUnavailable):
        connect_read_only(tmp_path / "none.db", busy_seconds=0).execute("SELECT 1")
    for connection in (holder, other):
        connection.close()


def test_a_file_that_is_no_database_is_damage(tmp_path: Path) -> None:
    (tmp_path / "lineal.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(StoreDamaged, match="lineal restore"):
        connect(tmp_path / "lineal.db", "normal")


def test_a_missing_table_is_damage_that_can_be_repaired(tmp_path: Path) -> None:
    connection = connect(tmp_path / "lineal.db", "normal")
    with pytest.raises(StoreDamaged, match="lineal rebuild"):
        connection.execute("SELECT * FROM registry")
    connection.close()


def test_a_mistaken_statement_is_the_fault_of_who_wrote_it(tmp_path: Path) -> None:
    connection = connect(tmp_path / "lineal.db", "normal")
    with pytest.raises(sqlite3.OperationalError, match="syntax"):
        connection.execute("SELEKT")
    connection.close()
