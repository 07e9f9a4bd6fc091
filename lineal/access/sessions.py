"""Sessions of browsers, and the one-time keys that open one, in the store.

A key is used once and within minutes; it stands in an address that a terminal shows. A session is
held by a cookie. Both are kept as digests.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from lineal.access.secret import new_secret, secret_digest
from lineal.store.connection import Connection

KEY_SECONDS = 600
SESSION_SECONDS = 12 * 3600

_SECONDS = {"key": KEY_SECONDS, "session": SESSION_SECONDS}


class Session(NamedTuple):
    """The owner of a session or a key."""

    user: str | None
    """None: the owner, the account that started the service."""


def new_session(
    connection: Connection, kind: Literal["key", "session"], user: str | None, now: int
) -> str:
    """Make a key or a session; returns its secret.

    Args:
        now: microseconds since the Unix epoch.
    """
    secret = new_secret()
    connection.execute("DELETE FROM sessions WHERE expires < ?", (now,))
    connection.execute(
        "INSERT INTO sessions VALUES (?, ?, ?, ?)",
        (secret_digest(secret), kind, user, now + _SECONDS[kind] * 1_000_000),
    )
    return secret


def use_key(connection: Connection, secret: str, now: int) -> Session | None:
    """The owner of a key, which can be used once. None where there is no such key, or no more."""
    found = _find(connection, "key", secret, now)
    removed = connection.execute(
        "DELETE FROM sessions WHERE digest = ? AND kind = 'key'", (secret_digest(secret),)
    )
    return found if removed.rowcount == 1 else None


def find_session(connection: Connection, secret: str, now: int) -> Session | None:
    """The owner of a session; None where there is none, or it has expired."""
    return _find(connection, "session", secret, now)


def end_session(connection: Connection, secret: str) -> None:
    """Log out."""
    connection.execute("DELETE FROM sessions WHERE digest = ?", (secret_digest(secret),))


def _find(connection: Connection, kind: str, secret: str, now: int) -> Session | None:
    row = connection.execute(
        "SELECT user_name FROM sessions WHERE digest = ? AND kind = ? AND expires > ?",
        (secret_digest(secret), kind, now),
    ).fetchone()
    return None if row is None else Session(row[0])
