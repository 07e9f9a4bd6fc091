"""A small OAuth 2.0 server: access tokens for refresh tokens (RFC 6749), introspection (RFC 7662).

Every refresh token is good once: with the access token comes the next one.
"""

from __future__ import annotations

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs


class OAuthServer:
    """Serves on a free port of 127.0.0.1."""

    client_id = "lineal"

    def __init__(self) -> None:
        self._users: dict[str, str] = {}
        self._refresh: dict[str, str] = {}
        self.fetched = 0
        """How many access tokens were given."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                status, answer = server._answer(self.path, form)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Nothing is said."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def token_url(self) -> str:
        return f"{self._url}/token"

    @property
    def introspection_url(self) -> str:
        return f"{self._url}/introspect"

    def refresh_token(self, user: str) -> str:
        """A new refresh token of a user, as the owner of a mailbox gets by logging in."""
        token = secrets.token_urlsafe()
        self._refresh[token] = user
        return token

    def revoke(self) -> None:
        """No access token that was given so far is good any more."""
        self._users.clear()

    def _answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if path == "/introspect":
            user = self._users.get(form.get("token", ""))
            return 200, {"active": False} if user is None else {"active": True, "username": user}
        user = self._refresh.pop(form.get("refresh_token", ""), None)
        if user is None or form.get("client_id") != self.client_id:
            return 400, {"error": "invalid_grant"}
        token = secrets.token_urlsafe()
        self._users[token] = user
        self.fetched += 1
        return 200, {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": self.refresh_token(user),
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
