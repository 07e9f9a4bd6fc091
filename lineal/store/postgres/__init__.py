"""The store in Postgres, which several machines share. Imported only where the settings name it."""

from __future__ import annotations

from lineal.errors import LinealError


class MissingLibrary(LinealError, ImportError):
    """What this store is made with is not installed."""


try:
    import psycopg as psycopg
except ImportError as error:
    raise MissingLibrary(
        f"a store in Postgres needs psycopg: pip install 'lineal[postgres]' ({error})"
    ) from error
