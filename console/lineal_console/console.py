"""The console of one running service: its pages as routes of the HTTP server."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import TypeVar, cast

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from lineal.access.acts import Act, NotPermitted
from lineal.errors import LinealError, StoreUnavailable
from lineal.runtime import Runtime
from lineal_console.feeds import Feeds
from lineal_console.messages import LANGUAGES, Messages, load_messages, negotiate
from lineal_console.page import Handler, Page, installed_pages
from lineal_console.page_request import PageRequest
from lineal_console.templating import Templates
from lineal_producers.http.guard import credential_in
from lineal_producers.http.login import accepts_pages

log = structlog.get_logger(__name__)

S = TypeVar("S")

LANGUAGE_COOKIE, THEME_COOKIE = "lineal_language", "lineal_theme"
THEMES = ("auto", "light", "dark")
_YEAR_SECONDS = 365 * 86400
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of every page: nothing inline, nothing evaluated, nobody else's."""
_HEADERS = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    # Under `no-referrer` browsers say of a form's own request that it comes from nowhere.
    "referrer-policy": "same-origin",
}


class Console:
    """What all pages of a service share."""

    def __init__(self, runtime: Runtime, pages: Sequence[Page]) -> None:
        self.runtime = runtime
        self.feeds = Feeds()
        self._shared: dict[str, object] = {}
        self._pages = pages
        self._packages = tuple(dict.fromkeys(["lineal_console", *(p.package for p in pages)]))
        self.templates = Templates(pages, self._packages)

    def shared(self, name: str, make: Callable[[], S]) -> S:
        """What a page keeps as long as the service runs; made when it is first asked for."""
        if name not in self._shared:
            self._shared[name] = make()
        return cast(S, self._shared[name])

    def messages(self, request: Request) -> Messages:
        """In the language that was chosen, or else in the one that the browser prefers."""
        chosen = request.cookies.get(LANGUAGE_COOKIE)
        if chosen not in LANGUAGES:
            chosen = negotiate(request.headers.get("accept-language", ""))
        return load_messages(chosen, self._packages)

    def routes(self) -> list[BaseRoute]:
        """The routes of all pages and of their static files."""
        found: list[BaseRoute] = [
            Mount(f"/static/{name}", _Static(packages=[(name, "static")]))
            for name in self._packages
            if (files(name) / "static").is_dir()
        ]
        found.append(_ForBrowsers("/login", self._log_in, methods=["GET"]))
        found.append(Route("/console/preferences", _set_preferences, methods=["POST"]))
        for page in self._pages:
            for item in page.routes:
                endpoint = self._endpoint(page, item.act, item.handler)
                path = f"{page.url.rstrip('/')}{item.path}" or "/"
                kind = _ForBrowsers if path == "/" else Route
                found.append(kind(path, endpoint, methods=[item.method]))
        nothing = Page("nothing", "Not found")
        found.append(Route("/console/{rest:path}", self._endpoint(nothing, "read", _nothing)))
        return found

    async def _log_in(self, request: Request) -> Response:
        """A form for a name and a password; nobody is known yet."""
        shown = PageRequest(request, self, Page("login", "Log in"), self.messages(request))
        answer = HTMLResponse(self.templates.render_anonymous(shown, "login.html"))
        answer.headers.update(_HEADERS)
        return answer

    def _endpoint(
        self, page: Page, act: Act, handler: Handler
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            asked = PageRequest(request, self, page, self.messages(request))
            try:
                credential_in(request).require(act)
                response = await handler(asked)
            except NotPermitted as error:
                response = _problem(asked, 403, asked.recorded(error))
            except HTTPException as error:
                response = _problem(asked, error.status_code, asked.recorded(error.detail))
            except StoreUnavailable:
                response = _problem(asked, 503, asked.text("The store cannot be reached."))
            except LinealError as error:
                # What lineal refuses it explains in words meant for people.
                log.info("console.refused", path=request.url.path[:200], error=repr(error))
                missing = isinstance(error, LookupError)
                response = _problem(asked, 404 if missing else 409, asked.recorded(error))
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return answer


class _ForBrowsers(Route):
    """Answers browsers at ``/`` and ``/login``; what programs ask for there is not a page."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or not _is_page(Request(scope)):
            return Match.NONE, {}
        return super().matches(scope)


class _Static(StaticFiles):
    """Files that never change at an address that says their digest."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        answer = super().file_response(full_path, stat_result, scope, status_code)
        versioned = scope.get("query_string", b"").startswith(b"v=")
        caching = "public, max-age=31536000, immutable" if versioned else "no-cache"
        answer.headers["cache-control"] = caching
        return answer


def _is_page(request: Request) -> bool:
    return accepts_pages(request) and not request.query_params.get("key")


async def _nothing(request: PageRequest) -> Response:
    raise HTTPException(404, request.text("There is no page at this address."))


async def _set_preferences(request: Request) -> Response:
    """Keep the language and the colours in cookies of this browser."""
    async with request.form(max_files=0, max_fields=8) as form:
        back = str(form.get("back", "/"))
        answer = Response(status_code=303, headers={"location": _local(back)})
        for cookie, field, allowed in (
            (LANGUAGE_COOKIE, "language", tuple(LANGUAGES)),
            (THEME_COOKIE, "theme", THEMES),
        ):
            if form.get(field) in allowed:
                answer.set_cookie(
                    cookie, str(form[field]), max_age=_YEAR_SECONDS, httponly=True,
                    samesite="strict", secure=request.url.scheme == "https",
                )  # fmt: skip
    return answer


def _local(url: str) -> str:
    """The address if it is one of this site: ``//host`` and ``/\\host`` are others'."""
    plain = url.isprintable() and "\\" not in url
    return url if plain and url.startswith("/") and not url.startswith("//") else "/"


def _problem(request: PageRequest, status: int, message: str) -> Response:
    """A page that says what is wrong; for htmx the message alone."""
    problem = Page("problem", "Problem")
    shown = PageRequest(request.request, request.console, problem, request.messages)
    part = bool(request.request.headers.get("hx-request"))
    template = "problem_part.html" if part else "problem.html"
    return shown.render(template, status, status=status, message=message)


def routes(runtime: Runtime) -> list[BaseRoute]:
    """All pages of installed packages, for the HTTP server of a runtime."""
    return Console(runtime, installed_pages()).routes()
