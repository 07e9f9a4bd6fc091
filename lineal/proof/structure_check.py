"""Whether the pages of the database are whole: SQLite's own check of all of them.

See https://www.sqlite.org/pragma.html#pragma_integrity_check. Postgres has checksums of its own, if
it was set up with them (``initdb --data-checksums``), and says so when it reads a page.
"""

from __future__ import annotations

from collections.abc import Iterator

from lineal.errors import StoreDamaged
from lineal.proof.verification import Finding, Progress, VerificationContext
from lineal.store.connection import Connection

NAME = "database"
_MAX_FINDINGS = 100


class StructureCheck:
    """See :class:`lineal.proof.verification.Check`."""

    name = NAME

    def run(self, context: VerificationContext, progress: Progress) -> Iterator[Finding]:
        progress(0, 1)
        for problem in damage(context.connection):
            yield Finding(NAME, f"the database is damaged: {problem}")
        progress(1, 1)


def damage(connection: Connection, *, quick: bool = False) -> list[str]:
    """What is wrong with the pages of the database; nothing, where that is not ours to look at.

    Args:
        quick: without comparing indexes with their tables.
    """
    if connection.dialect.name != "sqlite":
        return []
    pragma = "quick_check" if quick else "integrity_check"
    try:
        rows = connection.execute(f"PRAGMA main.{pragma}({_MAX_FINDINGS})").fetchall()
    except StoreDamaged as error:
        return [str(error)]
    said = [
        line for (text,) in rows for line in str(text).splitlines() if not line.startswith("***")
    ]
    return [] if said == ["ok"] else said
