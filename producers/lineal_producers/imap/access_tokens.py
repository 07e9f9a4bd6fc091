"""Access tokens of an OAuth 2.0 server, by a refresh token (RFC 6749, section 6)."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode

from lineal.errors import LinealError
from lineal_producers.imap.settings import OauthSettings

_SECONDS = 30.0
_MARGIN_SECONDS = 60.0
_UNSAID_SECONDS = 300.0
_MAX_BYTES = 1 << 20


class TokenRejected(LinealError):
    """The OAuth server gives no access token; says why."""


class AccessTokens:
    """The present access token of a mailbox, fetched anew before it expires."""

    def __init__(self, settings: OauthSettings) -> None:
        self._settings = settings
        self._token: str | None = None
        self._valid_until = 0.0

    def get(self) -> str:
        """A token that is valid now; blocks while it is fetched.

        Raises:
            TokenRejected: the server gives none, or cannot be reached.
            OSError: the file of the refresh token cannot be read, or not be written.
        """
        if self._token is None or time.monotonic() >= self._valid_until:
            self._fetch()
        assert self._token is not None
        return self._token

    def forget(self) -> None:
        """The mail server refuses the token: the next one is fetched anew."""
        self._token = None

    def _fetch(self) -> None:
        settings = self._settings
        form = {
            "grant_type": "refresh_token",
            "client_id": settings.client_id,
            "refresh_token": settings.refresh_token_file.read_text().strip(),
        }
        if settings.client_secret is not None:
            form["client_secret"] = settings.client_secret.get_secret_value()
        if settings.scope is not None:
            form["scope"] = settings.scope
        answer = self._post(urlencode(form).encode())
        token = answer.get("access_token")
        if not isinstance(token, str):
            raise TokenRejected(f"{settings.token_url} sends no access token")
        seconds = answer.get("expires_in")
        valid = float(seconds) if isinstance(seconds, int | float) else _UNSAID_SECONDS
        self._valid_until = time.monotonic() + max(valid - _MARGIN_SECONDS, valid / 2)
        if isinstance(renewed := answer.get("refresh_token"), str):
            self._keep(renewed)
        self._token = token

    def _post(self, form: bytes) -> dict[str, object]:
        url = self._settings.token_url
        request = urllib.request.Request(url, form, {"Accept": "application/json"})  # noqa: S310 - checked
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310
                answer = json.loads(response.read(_MAX_BYTES))
        except urllib.error.HTTPError as error:
            raise TokenRejected(f"{url} answers {error.code}: {_reason(error)}") from error
        except (OSError, ValueError) as error:
            raise TokenRejected(f"{url} cannot be asked for a token: {error}") from error
        return answer if isinstance(answer, dict) else {}

    def _keep(self, refresh_token: str) -> None:
        """Servers that send another refresh token may refuse the one before from then on."""
        path = self._settings.refresh_token_file
        written = path.with_name(f".{path.name}.new")
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(refresh_token)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)


def _reason(error: urllib.error.HTTPError) -> str:
    """The error code of RFC 6749, section 5.2; never the whole answer, which may hold a token."""
    try:
        answer = json.loads(error.read(_MAX_BYTES))
    except (OSError, ValueError):
        return str(error.reason)
    return str(answer.get("error", error.reason)) if isinstance(answer, dict) else str(error.reason)
