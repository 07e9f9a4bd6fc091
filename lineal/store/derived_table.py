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
