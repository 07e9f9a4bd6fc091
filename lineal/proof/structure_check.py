"""Whether the pages of the database are whole: SQLite's own check of all of them; and whether there
is code in it that runs by itself.

See https://www.sqlite.org/pragma.html#pragma_integrity_check. Postgres has checksums of its own, if
it was set up with them (``initdb --data-checksums``), and says so when it reads a page.
"""

from __future__ import annotations

from collections.abc import Iterator

from lineal.proof.verification import Finding, Progress, VerificationContext
from lineal.store.connection import Connection
from lineal.store.damage import find_damage

NAME = "database"


class StructureCheck:
    """See :class:`lineal.proof.verification.Check`."""

    name = NAME

    def run(self, context: VerificationContext, progress: Progress) -> Iterator[Finding]:
        progress(0, 1)
        for problem in find_damage(context.connection):
            yield Finding(NAME, f"the database is damaged: {problem}")
        for kind, name in foreign_code(context.connection):
            yield Finding(NAME, f"the database has a {kind} {name}, which lineal did not make")
        progress(1, 1)


def foreign_code(connection: Connection) -> list[tuple[str, str]]:
    """Triggers and views. lineal makes none: they change or hide rows as these are written or
    read."""
    if connection.dialect.name == "sqlite":
        sql = "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY name"
    else:
        sql = (
            "SELECT 'trigger', tgname::text FROM pg_trigger JOIN pg_class ON tgrelid = "
            "pg_class.oid WHERE NOT tgisinternal AND relnamespace = current_schema::regnamespace "
            "UNION ALL SELECT 'view', viewname::text FROM pg_views "
            "WHERE schemaname = current_schema ORDER BY 2"
        )
    return [(kind, name) for kind, name in connection.execute(sql).fetchall()]
