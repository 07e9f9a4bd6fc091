"""The users of an installation, in its store."""

from __future__ import annotations

import re
from typing import NamedTuple

from lineal.access.acts import Role, read_role
from lineal.errors import LinealError
from lineal.store.connection import Connection

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class UnknownUser(LinealError, LookupError):
    """There is no user of this name."""


class UserExists(LinealError, ValueError):
    """There is one already."""


class User(NamedTuple):
    """Somebody who may log in, or for whom tokens are made."""

    name: str
    role: Role
    password: str | None
    """Argon2id hash; None for one who only has tokens."""
    created: int
    """Microseconds since the Unix epoch."""

    @property
    def actor(self) -> str:
        """As lineage records name them."""
        return f"user:{self.name}"


def add_user(connection: Connection, name: str, role: Role, password: str | None, now: int) -> User:
    """Add a user.

    Raises:
        UserExists: there is one of this name.
        LinealError: it is no name of a user.
    """
    if not _NAME.fullmatch(name):
        raise LinealError(
            f"{name!r} is no name of a user: letters, digits and . _ @ -, at most 64 of them"
        )
    added = connection.execute(
        "INSERT INTO users VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (name, role, password, now)
    )
    if added.rowcount != 1:
        raise UserExists(f"there is a user {name} already: `lineal user role {name} ROLE`")
    return User(name, role, password, now)


def find_user(connection: Connection, name: str) -> User:
    """The user of a name.

    Raises:
        UnknownUser
    """
    row = connection.execute("SELECT * FROM users WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise UnknownUser(f"there is no user {name!r}: `lineal user list` lists them")
    return _user(row)


def list_users(connection: Connection) -> list[User]:
    """All users by name."""
    return [_user(row) for row in connection.execute("SELECT * FROM users ORDER BY name")]


def set_role(connection: Connection, name: str, role: Role) -> None:
    """Give a user another role; their open sessions have it at once.

    Raises:
        UnknownUser
    """
    _changed(connection, "role", role, name)


def set_password(connection: Connection, name: str, password: str) -> None:
    """Give a user another password (its hash); whoever is logged in with the old one no longer is.

    Raises:
        UnknownUser
    """
    _changed(connection, "password", password, name)
    connection.execute("DELETE FROM sessions WHERE user_name = ?", (name,))


def remove_user(connection: Connection, name: str, now: int) -> None:
    """Remove a user, with their sessions; their tokens are revoked.

    Raises:
        UnknownUser
    """
    if connection.execute("DELETE FROM users WHERE name = ?", (name,)).rowcount != 1:
        find_user(connection, name)
    connection.execute("DELETE FROM sessions WHERE user_name = ?", (name,))
    connection.execute(
        "UPDATE api_tokens SET revoked = ? WHERE user_name = ? AND revoked IS NULL", (now, name)
    )


def _changed(connection: Connection, column: str, value: str, name: str) -> None:
    changed = connection.execute(f"UPDATE users SET {column} = ? WHERE name = ?", (value, name))
    if changed.rowcount != 1:
        find_user(connection, name)


def _user(row: tuple[str, str, str | None, int]) -> User:
    name, role, password, created = row
    return User(name, read_role(role), password, created)
