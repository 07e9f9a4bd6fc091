"""Protects the HTTP API against requests of other sites and other machines.

Loopback keeps other machines out, not other users of this one, nor web sites: a page may post to
any address, and one whose name is made to resolve to 127.0.0.1 (DNS rebinding) may even read the
answers. So everybody shows a token or a session, pages of other origins are refused by what
browsers say of them (``Origin``, and ``Sec-Fetch-Site`` of W3C's Fetch Metadata), and on loopback
the service answers to loopback's names only.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from lineal.access.slowdown import TooManyAttempts
from lineal_producers.http.authentication import Authentication, NotAuthenticated
from lineal_producers.http.login import accepts_pages

_OPEN = {"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/login"}
_OPEN_BELOW = ("/packages/", "/static/")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""Of every answer that does not state its own."""
_HOW = (
    "show a token (Authorization: Bearer TOKEN): the one in the file api-token of the data folder, "
    "one that `lineal token create` made, or LINEAL_HTTP_TOKEN"
)


class Protection:
    """Lets requests through that no foreign page has sent and that show who asks; without that,
    questions about health, since probes have nothing to show, for released models, which
    devices ask for by digest and check by signature, and for the console's own scripts and styles.

    Args:
        loopback: whether only this machine reaches the service.
    """

    def __init__(self, app: ASGIApp, authentication: Authentication, loopback: bool) -> None:
        self._app = app
        self._authentication = authentication
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        request = Request(scope, receive)
        status, problem, headers = await self._refusal(request, request.method)
        if status == 401 and accepts_pages(request):
            await RedirectResponse("/login", 303)(scope, receive, send)
            return
        if problem:
            answer = JSONResponse({"error": problem}, status_code=status, headers=headers)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        status, problem, headers = await self._refusal(socket, "GET")
        if problem:
            answer = JSONResponse({"error": problem}, status_code=status, headers=headers)
            await socket.send_denial_response(answer)
            return
        await self._app(scope, receive, send)

    async def _refusal(
        self, request: HTTPConnection, method: str
    ) -> tuple[int, str, dict[str, str]]:
        headers = request.headers
        if "content-length" in headers and "transfer-encoding" in headers:
            # RFC 9112, section 6.1: servers before this one may see another end of the request.
            close = {"connection": "close"}
            return 400, "a request has a Content-Length or a Transfer-Encoding, not both", close
        if problem := _foreign(headers, method, loopback=self._loopback):
            return 403, problem, {}
        if _is_open(request.scope["path"]):
            return 0, "", {}
        try:
            credential = await self._authentication.authenticate(request)
        except NotAuthenticated:
            return 401, _HOW, {"www-authenticate": "Bearer"}
        except TooManyAttempts:
            return 429, "too many attempts to log in: try again later", {"retry-after": "30"}
        request.scope["lineal.credential"] = credential
        return 0, "", {}


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address; a name counts as one that others reach."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _foreign(headers: Headers, method: str, *, loopback: bool) -> str | None:
    """Why a request seems to come from another web site's page; None if it does not."""
    host = headers.get("host", "")
    if loopback and _split(f"//{host}")[0] not in _LOOPBACK:
        return "this service answers on loopback only: address it as http://127.0.0.1:PORT"
    origin = headers.get("origin")
    if origin is not None and _split(origin) != _split(f"//{host}"):
        return "requests from other web sites are refused"
    site = headers.get("sec-fetch-site", "none")
    followed = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    if site not in ("none", "same-origin") and not followed:
        return "requests from other web sites are refused"
    return None


def _split(url: str) -> tuple[str | None, int | None]:
    """Host and port; None for the ports that browsers leave out."""
    try:
        parts = urlsplit(url)
        return parts.hostname, None if parts.port in (80, 443) else parts.port
    except ValueError:
        return None, None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
