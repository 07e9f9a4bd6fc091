"""Who asks: from the token or the session that a request shows to a credential."""

from __future__ import annotations

import base64
import binascii
import secrets
from functools import partial

import structlog
from starlette.requests import HTTPConnection
from starlette.types import Scope

from lineal.access.credential import HTTP_TOKEN, Credential, credential_of, owner_credential
from lineal.access.owner_token import owner_token
from lineal.access.passwords import PasswordCheck
from lineal.access.secret import check_secret, secret_digest
from lineal.access.sessions import find_session, new_session, use_key
from lineal.access.slowdown import Slowdown
from lineal.access.tokens import token_of
from lineal.access.users import UnknownUser, User, find_user
from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_schemas.envelope import now_us

log = structlog.get_logger(__name__)

SESSION_COOKIE = "lineal_session"
_MAX_SHOWN = 4096
"""Characters of a header that may hold a secret."""


class NotAuthenticated(LinealError):
    """What was shown is no key to anything, or nothing was shown."""


class Authentication:
    """Knows the credentials of an installation: its owner's token, the token of the settings, API
    tokens, sessions and passwords.

    Raises:
        WrongConfiguration: the token of the settings can be guessed, or others can read the
            owner's.
        OSError: the owner's token cannot be made or read.
    """

    def __init__(self, runtime: Runtime, slowdown: Slowdown | None = None) -> None:
        self._store = runtime.store
        self._slowdown = slowdown or Slowdown()
        self._passwords = PasswordCheck()
        self._fixed = {secret_digest(owner_token(runtime.settings.data)): owner_credential()}
        token = runtime.settings.http_token
        if token is not None and token.get_secret_value():
            check_secret(token.get_secret_value(), "LINEAL_HTTP_TOKEN")
            shown = secret_digest(token.get_secret_value())
            self._fixed[shown] = credential_of(HTTP_TOKEN, "owner")

    async def authenticate(self, request: HTTPConnection) -> Credential:
        """Who asks.

        Raises:
            NotAuthenticated: nothing was shown, or nothing that lets in. Whoever shows what is
                wrong waits for that answer.
            TooManyAttempts: too many others wait for that.
        """
        shown = request.headers.get("authorization", "")
        if shown:
            scheme, _, secret = shown[:_MAX_SHOWN].partition(" ")
            if scheme.lower() == "bearer" and (found := await self._bearer(secret.strip())):
                return found
            if scheme.lower() == "basic" and (name_and_password := _basic(secret)):
                return (await self.log_in(request.scope, *name_and_password))[0]
            await self._failed(request.scope, "token")
        if session := request.cookies.get(SESSION_COOKIE):
            found = await self._store.read(partial(_of_session, secret=session[:_MAX_SHOWN]))
            if found is not None:
                return found
        raise NotAuthenticated

    async def log_in(self, scope: Scope, name: str, password: str) -> tuple[Credential, User]:
        """Who has this name and password.

        Raises:
            NotAuthenticated, TooManyAttempts: as :meth:`authenticate`.
        """
        user = await self._store.read(partial(_user, name=name))
        if not await self._passwords.matches(password, None if user is None else user.password):
            await self._failed(scope, f"password of {name[:64]!r}", f"user:{name[:64]}")
        assert user is not None
        self._slowdown.succeeded(f"user:{name}")
        return credential_of(user.actor, user.role), user

    async def begin_session(self, user: User) -> str:
        """The secret of a new session, for the cookie."""
        return await self._store.write(lambda c: new_session(c, "session", user.name, now_us()))

    async def redeem_key(self, scope: Scope, key: str) -> str:
        """The secret of a new session for whoever shows a one-time key, which is used up.

        Raises:
            NotAuthenticated, TooManyAttempts: as :meth:`authenticate`.
        """

        def redeem(connection: Connection) -> str | None:
            session = use_key(connection, key[:_MAX_SHOWN], now_us())
            if session is None:
                return None
            return new_session(connection, "session", session.user, now_us())

        secret = await self._store.write(redeem)
        if secret is None:
            await self._failed(scope, "one-time key")
        assert secret is not None
        return secret

    async def _bearer(self, secret: str) -> Credential | None:
        digest = secret_digest(secret)
        for known, credential in self._fixed.items():
            if secrets.compare_digest(known, digest):
                return credential
        return await self._store.read(partial(_of_token, secret=secret))

    async def _failed(self, scope: Scope, what: str, key: str | None = None) -> None:
        address = (scope.get("client") or ("unknown", 0))[0]
        log.warning("login.failed", shown=what, address=address, path=scope["path"][:200])
        await self._slowdown.failed(key or f"address:{address}")
        raise NotAuthenticated


def _user(connection: Connection, name: str) -> User | None:
    try:
        return find_user(connection, name)
    except UnknownUser:
        return None


def _of_session(connection: Connection, secret: str) -> Credential | None:
    session = find_session(connection, secret, now_us())
    return None if session is None else _on_behalf_of(connection, session.user)


def _on_behalf_of(connection: Connection, name: str | None) -> Credential | None:
    """What a user may do now; of the owner, where no user is named."""
    if name is None:
        return owner_credential()
    user = _user(connection, name)
    return None if user is None else credential_of(user.actor, user.role)


def _of_token(connection: Connection, secret: str) -> Credential | None:
    token = token_of(connection, secret)
    if token is None or not token.valid(now_us()):
        return None
    behind = _on_behalf_of(connection, token.user)
    if behind is None:
        return None
    return token.credential(behind.acts)


def _basic(encoded: str) -> tuple[str, str] | None:
    """Name and password of RFC 7617."""
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None
