"""The table of builds: what did a step, kept once and named by its number."""

from __future__ import annotations

import orjson

from lineal.lineage.record import Build, UsedArtifact
from lineal.store.connection import Connection


def build_id(connection: Connection, build: Build, known: dict[Build, int]) -> int:
    """The number of a build, which is entered when it is new.

    Args:
        known: numbers that were found before; the one found is added.
    """
    if build in known:
        return known[build]
    key = build_row(build)
    find = "SELECT id FROM builds WHERE (stage, version, code, config, models) = (?, ?, ?, ?, ?)"
    row = connection.execute(find, key).fetchone()
    if row is None:
        connection.execute(
            "INSERT INTO builds (stage, version, code, config, models) VALUES (?, ?, ?, ?, ?)", key
        )
        row = connection.execute(find, key).fetchone()
    known[build] = row[0]
    return known[build]


def build_row(build: Build) -> tuple[str, str, str, str, str]:
    """A build as the table of builds keeps it, without its number."""
    return (build.stage, build.version, build.code, build.config, artifacts_text(build))


def build_rows(connection: Connection) -> dict[int, tuple[str, ...]]:
    """All rows of the table of builds, by their numbers."""
    rows = connection.execute("SELECT id, stage, version, code, config, models FROM builds")
    return {row[0]: tuple(row[1:]) for row in rows}


def has_other_builds(connection: Connection, build: Build) -> bool:
    """Whether the ledger has steps of other builds of a build's stage."""
    key = (build.version, build.code, build.config, artifacts_text(build))
    row = connection.execute(
        "SELECT 1 FROM builds WHERE stage = ? AND (version, code, config, models) <> (?, ?, ?, ?) "
        "LIMIT 1",
        (build.stage, *key),
    ).fetchone()
    return row is not None


def artifacts_text(build: Build) -> str:
    """The artifacts of a build as the table of builds keeps them."""
    return orjson.dumps([list(artifact) for artifact in build.artifacts]).decode()


def artifacts_of_builds(connection: Connection) -> set[UsedArtifact]:
    """Everything that a step was made with, beside its input."""
    rows = connection.execute("SELECT DISTINCT models FROM builds")
    return {UsedArtifact(*item) for (items,) in rows for item in orjson.loads(items)}
