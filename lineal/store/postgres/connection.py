"""A connection to Postgres that takes the SQL the rest of lineal writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrDumperUnknown

from lineal.store.connection import Connection, Cursor
from lineal.store.derived_table import Table, as_temporary
from lineal.store.postgres.errors import not_connected, translate_error
from lineal.store.postgres.tables import define_tables, has_table, recreate

_WRITERS_LOCK = int.from_bytes(b"lineal", "big")
"""Key of the advisory lock that every writing transaction begins with."""

_STREAM_BATCH_SIZE = 500
"""Rows, where libpq can (17 and newer)."""

_PARAMETER = re.compile(r"'[^']*'|\?")

_DEFAULTS = {
    "connect_timeout": "10",
    "application_name": "lineal",
    "client_encoding": "UTF8",
    # A server that went without a word is noticed within a minute.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_READING = "-c default_transaction_read_only=on -c statement_timeout=300s"
_WRITING = (
    "-c statement_timeout=300s -c lock_timeout=30s "
    # A process that was stopped in its transaction would keep all others from writing.
    "-c idle_in_transaction_session_timeout=60s"
)


class Postgres:
    """See :class:`lineal.store.connection.Dialect`."""

    name = "postgres"
    temporary_schema = "pg_temp"

    def lock_ledger(self, connection: Connection) -> None:
        """Every writing transaction of the store has the lock from its beginning: taken later, two
        that had written the same object before would wait for each other."""
        if not (isinstance(connection, PostgresConnection) and connection.has_lock):
            connection.execute("SELECT pg_advisory_xact_lock(?)", (_WRITERS_LOCK,))

    def define(self, connection: Connection, tables: str) -> None:
        define_tables(connection, tables)

    def has_table(self, connection: Connection, name: str) -> bool:
        return has_table(connection, name)

    def recreate(self, connection: Connection, table: Table) -> None:
        """Emptied, not dropped: concurrent readers see the rows of before."""
        recreate(connection, table)

    def shadow(self, connection: Connection, table: Table) -> str:
        row = connection.execute(
            "SELECT quote_ident(nspname) FROM pg_class JOIN pg_namespace "
            "ON pg_namespace.oid = relnamespace "
            "WHERE relname = ? AND pg_table_is_visible(pg_class.oid)",
            (table.name,),
        ).fetchone()
        define_tables(connection, as_temporary(table.postgres or table.sql))
        return table.name if row is None else f"{row[0]}.{table.name}"


class _TextDumper(StrDumperUnknown):
    """Postgres's text has no NUL: it becomes U+FFFD, in stored values and in parameters of
    queries."""

    def dump(self, obj: str) -> bytes:
        return obj.replace("\x00", "\ufffd").encode()


class PostgresConnection:
    """Commits every statement for itself, or what is between :meth:`begin` and :meth:`commit`.

    Errors that are not the statement's fault are :class:`StoreUnavailable`, others psycopg's own.
    """

    dialect = Postgres()

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.has_lock = False
        """Whether this transaction began by keeping all others from writing."""

    @property
    def in_transaction(self) -> bool:
        """Whether there is a transaction that can still be rolled back."""
        status = self._connection.info.transaction_status
        return status in (
            psycopg.pq.TransactionStatus.INTRANS,
            psycopg.pq.TransactionStatus.INERROR,
        )

    @property
    def usable(self) -> bool:
        """Whether the connection works and is in no transaction."""
        return self._connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        try:
            cursor = self._connection.cursor(binary=True)
            return cursor.execute(_numbered(sql), parameters or None)
        except psycopg.Error as error:
            raise translate_error(error, broken=self._connection.broken) from error

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]], /) -> Cursor:
        try:
            cursor = self._connection.cursor(binary=True)
            cursor.executemany(_numbered(sql), rows)
        except psycopg.Error as error:
            raise translate_error(error, broken=self._connection.broken) from error
        return cursor

    def stream(self, sql: str, parameters: Sequence[Any] = (), /) -> Iterator[Any]:
        """Rows as they arrive; :meth:`execute` waits for the last of them."""
        size = _STREAM_BATCH_SIZE if psycopg.capabilities.has_stream_chunked() else 1
        try:
            cursor = self._connection.cursor()
            yield from cursor.stream(_numbered(sql), parameters or None, binary=True, size=size)
        except psycopg.Error as error:
            raise translate_error(error, broken=self._connection.broken) from error

    def begin(self) -> None:
        """Begin a transaction to write in, when it is this one's turn."""
        self._command(f"BEGIN; SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")
        self.has_lock = True

    def commit(self) -> None:
        """Make what was written durable.

        Raises:
            StoreUnavailable: nothing was written, unless the connection was lost at this moment.
        """
        self.has_lock = False
        if self._command("COMMIT") != "COMMIT":
            raise RuntimeError("a statement failed and its error was passed over: all is undone")

    def rollback(self) -> None:
        self.has_lock = False
        if self.in_transaction:
            self._command("ROLLBACK")

    def on_warning(self, handle: Callable[[str], object]) -> None:
        """Call a function with whatever the server warns of from now on."""

        def noted(said: psycopg.errors.Diagnostic) -> None:
            if said.severity_nonlocalized == "WARNING":
                handle(said.message_primary or "")

        self._connection.add_notice_handler(noted)

    def close(self) -> None:
        self._connection.close()

    def _command(self, sql: str) -> str | None:
        try:
            # Several statements, and one round trip.
            return self._connection.execute(sql.encode()).statusmessage
        except psycopg.Error as error:
            raise translate_error(error, broken=self._connection.broken) from error


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> bytes:
    """``?`` as ``$1``, ``$2``, ...; not in string literals."""
    numbers = count(1)
    return _PARAMETER.sub(lambda m: f"${next(numbers)}" if m[0] == "?" else m[0], sql).encode()


def connect(url: str, *, write: bool = False) -> PostgresConnection:
    """A connection; what the URL says (timeouts, TLS, options) wins over our own choices.

    Raises:
        StoreUnavailable: there is none to be had now.
        StoreRejected: nor later, as things are set.
    """
    try:
        given = conninfo_to_dict(url)
        options = f"{_WRITING if write else _READING} {given.pop('options', None) or ''}"
        connection = psycopg.connect(
            make_conninfo("", **{**_DEFAULTS, **given, "options": options}),
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
        )
    except psycopg.Error as error:
        raise not_connected(error, place(url)) from error
    # Always the same type, so that a statement is prepared once and not for every size of number.
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    connection.adapters.register_dumper(str, _TextDumper)
    return PostgresConnection(connection)


def place(url: str) -> str:
    """The printable part of a URL: the database and its host, never the password."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        return "the store"
    host, name = given.get("host", "localhost"), given.get("dbname", "")
    return f"the Postgres database {name!r} on {host}"
