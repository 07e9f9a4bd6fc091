"""Keeping web pages in a browser on the same machine from using the service.

Loopback keeps other machines out, not web sites: a page may post to any address, and one whose
name is made to resolve to 127.0.0.1 (DNS rebinding) may even read the answers.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

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
