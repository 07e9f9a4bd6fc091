"""API tokens in the store: a digest of each, with its scope and expiry."""

from __future__ import annotations

from typing import NamedTuple
from uuid import uuid4

from lineal.access.acts import Act, read_acts
from lineal.access.credential import HTTP_TOKEN, Credential
from lineal.access.secret import new_secret, secret_digest
from lineal.errors import LinealError
from lineal.store.connection import Connection

PREFIX = "lineal_"
"""Of every token, so that those who search for leaked secrets find it."""


class UnknownToken(LinealError, LookupError):
    """There is no token of this name or id, or several."""


class ApiToken(NamedTuple):
    """A token without its secret."""

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
    owner: str | None = None
    """Under whose name alone it puts things in; None: its user's."""

    @property
    def actor(self) -> str:
        """As lineage records name it."""
        return f"token:{self.name}" if self.user is None else f"token:{self.name} of {self.user}"

    def valid(self, now: int) -> bool:
        """Whether it is valid at a time."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def credential(self, behind: frozenset[Act]) -> Credential:
        """What it may do, within what those may do on whose behalf it acts."""
        return Credential(
            self.actor, behind & self.acts, self.types, self.owner or self.user,
            self.owner is not None, self.user,
        )  # fmt: skip


def create_token(
    connection: Connection,
    name: str,
    acts: frozenset[Act],
    *,
    user: str | None,
    types: tuple[str, ...] | None,
    expires: int | None,
    now: int,
    owner: str | None = None,
) -> tuple[ApiToken, str]:
    """Make a token; returns what is kept of it, and the secret, which nobody can show again.

    Raises:
        LinealError: a valid token has this name, or the token of the settings is called so.
    """
    if f"token:{name}" == HTTP_TOKEN:
        raise LinealError(f"{name} is the token of LINEAL_HTTP_TOKEN: choose another name")
    if any(token.name == name and token.valid(now) for token in list_tokens(connection)):
        raise LinealError(f"there is a token {name} already: `lineal token revoke {name}` ends it")
    secret = new_secret(PREFIX)
    token = ApiToken(uuid4().hex[:12], name, user, acts, types, now, expires, None, owner)
    connection.execute(
        "INSERT INTO api_tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            token.id, secret_digest(secret), name, user, ",".join(sorted(acts)),
            None if types is None else ",".join(types), now, expires, None, owner,
        ),
    )  # fmt: skip
    return token, secret


def record_of_token(
    scope: str, *, user: str | None, types: str | None, expires: int | None, owner: str | None
) -> dict[str, int | str]:
    """The attributes of the record of a new token: its rights, until when it has them.

    ``lineal verify`` compares them with the token. Whose name a token is bound to is in no record,
    which nothing erases.

    Args:
        scope: the acts, and ``types`` the patterns, with commas between.
    """
    return {
        "scope": scope, "user": user or "", "types": types or "", "expires": expires or 0,
        "bound": int(owner is not None),
    }  # fmt: skip


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


_COLUMNS = "token_id, name, user_name, acts, types, created, expires, revoked, owner"


def _token(
    row: tuple[str, str, str | None, str, str | None, int, int | None, int | None, str | None],
) -> ApiToken:
    identifier, name, user, acts, types, created, expires, revoked, owner = row
    allowed = None if types is None else tuple(types.split(","))
    return ApiToken(
        identifier, name, user, read_acts(acts), allowed, created, expires, revoked, owner
    )
