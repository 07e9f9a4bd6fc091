"""Checks whether a Postgres database can be used as the store."""

from __future__ import annotations

import contextlib

from lineal.errors import StoreRejected, StoreUnavailable
from lineal.store.postgres.connection import PostgresConnection, connect, place
from lineal.store.postgres.errors import rejection
from lineal.store.postgres.tables import names, tables_exist

_OLDEST_VERSION = 130000
_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")


def preflight(url: str) -> str:
    """What there is, in a few words; nothing is changed.

    Raises:
        StoreUnavailable: the server cannot be reached now.
        StoreRejected, IncompatibleDatabase: it cannot be used as it is.
    """
    with contextlib.closing(connect(url)) as connection:
        try:
            return _server(connection, url)
        except StoreUnavailable as error:
            raise rejection(error, place(url)) or error from error


def _server(connection: PostgresConnection, url: str) -> str:
    version = check_server(connection, url)
    if tables_exist(connection):
        _check_privileges(connection, url)
        (size,) = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return f"Postgres {version}, {place(url)}, {size / 1e6:.1f} MB"
    (may_create,) = connection.execute(
        "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), FALSE)"
    ).fetchone()
    if not may_create:
        raise StoreRejected(
            f"{place(url)} has no tables yet, and the role may not make any: "
            "GRANT CREATE ON SCHEMA ... to it, or make them once as another role"
        )
    return f"Postgres {version}, {place(url)}, no tables yet: made at the first start"


def _check_privileges(connection: PostgresConnection, url: str) -> None:
    for table in names():
        for privilege in _PRIVILEGES:
            (granted,) = connection.execute(
                "SELECT coalesce(has_table_privilege(to_regclass(?), ?), FALSE)",
                (table, privilege),
            ).fetchone()
            if not granted:
                raise StoreRejected(
                    f"{place(url)}: the role has no {privilege} on {table} (or there is no such "
                    "table): GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ... to it"
                )


def check_server(connection: PostgresConnection, url: str) -> str:
    """The version of the server.

    Raises:
        StoreRejected: the server or the database will not do.
    """
    number, version, encoding = connection.execute(
        "SELECT CAST(current_setting('server_version_num') AS bigint), "
        "current_setting('server_version'), current_setting('server_encoding')"
    ).fetchone()
    if number < _OLDEST_VERSION:
        raise StoreRejected(f"{place(url)}: Postgres {version} is too old, 13 is the oldest")
    if encoding != "UTF8":
        raise StoreRejected(
            f"{place(url)} keeps text as {encoding}: make one with "
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )
    return str(version)
