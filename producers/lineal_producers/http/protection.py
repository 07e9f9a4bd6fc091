"""Keeping those out who are not meant to use the service.

Loopback keeps other machines out, not web sites: a page may post to any address, and one whose
name is made to resolve to 127.0.0.1 (DNS rebinding) may even read the answers. Where the service
listens beyond loopback, a bearer token (RFC 6750) keeps out both.
"""

from __future__ import annotations

import secrets
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_OPEN = {"/healthz", "/readyz", "/metrics"}
_OPEN_BELOW = "/packages/"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class LoopbackOnly:
    """Answers requests that are addressed to this machine by one of its loopback names, and that
    no foreign web page has sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := _problem(Headers(scope=scope))):
            await JSONResponse({"error": problem}, status_code=403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class TokenOnly:
    """Answers requests that show the token; without it, questions about health, since probes have
    none, and for released models, which devices ask for by digest and check by signature."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _open(scope["path"]):
            shown = Headers(scope=scope).get("authorization", "").encode("latin-1")
            if not secrets.compare_digest(shown, self._token):
                await JSONResponse(
                    {"error": "show the token: Authorization: Bearer TOKEN (LINEAL_HTTP_TOKEN)"},
                    status_code=401,
                    headers={"www-authenticate": "Bearer"},
                )(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _open(path: str) -> bool:
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address; a name counts as one that others reach."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _problem(headers: Headers) -> str | None:
    if _host(f"//{headers.get('host', '')}") not in _LOOPBACK:
        return "this service answers on loopback only: address it as http://127.0.0.1:PORT"
    origin = headers.get("origin")
    if origin is not None and _host(origin) not in _LOOPBACK:
        return "requests from other web sites are refused"
    return None


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
