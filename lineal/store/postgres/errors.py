"""Translates errors of Postgres: transient ones, and those that need somebody to act."""

from __future__ import annotations

import re

import psycopg

from lineal.errors import StoreRejected, StoreUnavailable

_FOR_NOW = (
    "08",  # connection exception
    "25006",  # read only: a standby, until it is promoted
    "25P03",  # idle in a transaction for too long
    "40",  # rolled back: deadlock, serialization failure
    "42501",  # a privilege was taken away: no event is to blame
    "53",  # insufficient resources: disk full, out of memory, too many connections
    "55P03",  # the lock was not to be had in time
    "57",  # operator intervention: shutting down, starting up, statement timeout
    "58",  # system error: I/O
)
"""SQLSTATE, or how it begins. https://www.postgresql.org/docs/current/errcodes-appendix.html"""


def translate_error(error: psycopg.Error, *, broken: bool) -> Exception:
    """The error as the rest of lineal knows it; itself where a statement is at fault.

    Args:
        broken: whether the connection is of no more use.
    """
    state = error.sqlstate or ""
    if broken or state.startswith(_FOR_NOW):
        return StoreUnavailable(f"the store cannot be used now: {_message(error)}")
    return error


def rejection(error: StoreUnavailable, place: str) -> StoreRejected | None:
    """What has to be granted, where that is why a store cannot be opened."""
    reason = error.__cause__
    if not isinstance(reason, psycopg.errors.InsufficientPrivilege):
        return None
    return StoreRejected(
        f"{place}: {_message(reason)}. Let the role make the tables (GRANT CREATE ON SCHEMA ...) "
        "or use those that another made (GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN "
        "SCHEMA ...)"
    )


def not_connected(error: psycopg.Error, place: str) -> Exception:
    """Why there is no connection: :class:`StoreUnavailable`, or :class:`StoreRejected`.

    libpq has no codes for these, only the server's words.
    """
    message = _message(error)
    for words, remedy in _REMEDIES.items():
        if re.search(words, message):
            return StoreRejected(f"{place}: {message}. {remedy}")
    return StoreUnavailable(f"{place} cannot be reached: {message}")


_REMEDIES = {
    "password authentication failed": "Correct user and password in LINEAL_STORE.",
    "no password supplied": "Put the password into LINEAL_STORE, PGPASSWORD or ~/.pgpass.",
    'role "[^"]*" does not exist': "Make it (CREATE ROLE ... LOGIN), or correct LINEAL_STORE.",
    'database "[^"]*" does not exist': "Make it (CREATE DATABASE), or correct LINEAL_STORE.",
    "pg_hba.conf": "Let this machine in there, or ask for TLS with sslmode in LINEAL_STORE.",
    "certificate": "Give the authority's certificate as sslrootcert in LINEAL_STORE.",
    "does not support SSL": "Switch TLS on in the server, or leave sslmode out of LINEAL_STORE.",
    "could not translate host name": "Correct the host in LINEAL_STORE.",
    "permission denied for database": "GRANT CONNECT ON DATABASE ... to the role.",
    "invalid": "Correct LINEAL_STORE.",
}


def _message(error: psycopg.Error) -> str:
    """The first line, without what libpq puts before it."""
    text = error.diag.message_primary or str(error)
    line = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return line.strip().rpartition("FATAL:  ")[2].rstrip(".")
