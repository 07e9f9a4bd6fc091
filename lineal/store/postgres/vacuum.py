"""Clears what was deleted out of the tables in Postgres.

Deleted rows stay readable in a table's file until its room is used again, and samples of their
values stay in the statistics that the planner keeps (``pg_stats``) until these are made anew.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

from lineal.store.postgres.connection import PostgresConnection, connect

_QUOTED = re.compile(r"""["'«»„“‘’](\w+)["'«»„“‘’]""")
"""A name in a server's message, which is in the server's language."""
_STATISTICS = "pg_statistic"


def vacuum(url: str, *, full: bool = False) -> Sequence[str]:
    """Have the room of deleted rows used again, and the statistics made anew.

    Args:
        full: write the files of all tables anew, so that nothing of a deleted row is left in them.
            Whoever reads or writes a table waits meanwhile.

    Returns:
        The tables that this user may not vacuum.

    Raises:
        StoreUnavailable, StoreRejected
    """
    skipped: set[str] = set()

    def note(message: str) -> None:
        # All that it warns of is a table that it leaves out.
        skipped.update(_QUOTED.findall(message))

    with contextlib.closing(connect(url, write=True)) as connection:
        connection.on_warning(note)
        connection.execute("SET statement_timeout = 0")
        tables = _tables(connection)
        if tables:
            connection.execute(f"VACUUM (ANALYZE) {', '.join(tables)}")
        if tables and full:
            connection.execute(f"VACUUM (FULL) {', '.join(tables)}")
            connection.execute(f"VACUUM (FULL) {_STATISTICS}")
    return sorted(skipped)


def _tables(connection: PostgresConnection) -> Sequence[str]:
    """Those of lineal alone: others may have theirs in the same database."""
    found = connection.execute(
        "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
    )
    return [name for (name,) in found.fetchall()]
