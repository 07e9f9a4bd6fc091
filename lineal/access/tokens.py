"""API tokens, in the store: made once, kept as a digest, with a scope and an end."""

from __future__ import annotations

from typing import NamedTuple
from uuid import uuid4

from lineal.access.acts import Act, read_acts
from lineal.access.secret import new_secret, secret_digest
from lineal.errors import LinealError
from lineal.store.connection import Connection

PREFIX = "lineal_"
"""Of every token, so that those who search for leaked secrets find it."""


class UnknownToken(LinealError, LookupError):
    """There is no token of this name or id, or several."""


class ApiToken(NamedTuple):
    """What is kept of a token."""

    id: str
    name: str
    user: str | None
    """On whose behalf it acts, with no more rights than that user has; None: the owner's."""
    acts: frozenset[Act]
    types: tuple[str, ...] | None
    """Patterns of the event types that it may publish; None: all that the ingress admits."""
    created: int
    """Microseconds since the Unix epoch, as the following."""
    expires: int | None
    revoked: int | None

    @property
    def actor(self) -> str:
        """As lineage records name it."""
        return f"token:{self.name}" if self.user is None else f"token:{self.name} of {self.user}"

    def valid(self, now: int) -> bool:
        """Whether it lets anybody in at a time."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def create_token(
    connection: Connection,
    name: str,
    acts: frozenset[Act],
    *,
    user: str | None,
    types: tuple[str, ...] | None,
    expires: int | None,
    now: int,
) -> tuple[ApiToken, str]:
    """Make a token; returns what is kept of it, and the secret, which nobody can show again.

    Raises:
        LinealError: a valid token has this name.
    """
    if any(token.name == name and token.valid(now) for token in list_tokens(connection)):
        raise LinealError(f"there is a token {name} already: `lineal token revoke {name}` ends it")
    secret = new_secret(PREFIX)
    token = ApiToken(uuid4().hex[:12], name, user, acts, types, now, expires, None)
    connection.execute(
        "INSERT INTO api_tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            token.id, secret_digest(secret), name, user, ",".join(sorted(acts)),
            None if types is None else ",".join(types), now, expires, None,
        ),
    )  # fmt: skip
    return token, secret


def list_tokens(connection: Connection) -> list[ApiToken]:
    """All tokens that were ever made, the newest last."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM api_tokens ORDER BY created, token_id")
    return [_token(row) for row in rows]


def token_of(connection: Connection, secret: str) -> ApiToken | None:
    """The token with this secret."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM api_tokens WHERE digest = ?", (secret_digest(secret),)
    ).fetchone()
    return None if row is None else _token(row)


def revoke_token(connection: Connection, wanted: str, now: int) -> ApiToken:
    """End a token, by its name or its id.

    Raises:
        UnknownToken: no valid one is called so.
    """
    for token in list_tokens(connection):
        if wanted in (token.name, token.id) and token.revoked is None:
            connection.execute(
                "UPDATE api_tokens SET revoked = ? WHERE token_id = ?", (now, token.id)
            )
            return token._replace(revoked=now)
    raise UnknownToken(f"there is no token {wanted!r} to revoke: `lineal token list` lists them")


_COLUMNS = "token_id, name, user_name, acts, types, created, expires, revoked"


def _token(
    row: tuple[str, str, str | None, str, str | None, int, int | None, int | None],
) -> ApiToken:
    identifier, name, user, acts, types, created, expires, revoked = row
    allowed = None if types is None else tuple(types.split(","))
    return ApiToken(identifier, name, user, read_acts(acts), allowed, created, expires, revoked)
