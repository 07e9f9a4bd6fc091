"""``Table``: a table that a projection fills from the ledger."""

from __future__ import annotations

from typing import NamedTuple


class Table(NamedTuple):
    """A table of a projection, and how it is made."""

    name: str
    sql: str
    """The statements that make it, as SQLite understands them."""
    postgres: str | None = None
    """The same for Postgres; None: they are translated."""
    from_records: bool = True
    """Whether what its projection applies makes all of it; False: effects of steps write it too."""


def as_temporary(sql: str) -> str:
    """The statements that make a table as a temporary one; its indexes are where it is."""
    return sql.replace("CREATE TABLE", "CREATE TEMP TABLE")
