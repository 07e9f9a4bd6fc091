"""The web application: uploads, events and answers, behind a check of who asks."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from lineal.access.slowdown import Slowdown, TooManyAttempts
from lineal.errors import LinealError, StoreDamaged, StoreUnavailable
from lineal.health import Health, health_routes, metrics
from lineal.runtime import Runtime
from lineal_producers.http.answers import answer_routes
from lineal_producers.http.authentication import Authentication, NotAuthenticated
from lineal_producers.http.errors import not_authenticated, not_written, to_response
from lineal_producers.http.events import event_route
from lineal_producers.http.guard import guarded
from lineal_producers.http.login import login_routes
from lineal_producers.http.packages import package_route
from lineal_producers.http.protection import Protection, is_loopback
from lineal_producers.http.uploads import upload_route


def application(
    runtime: Runtime,
    health: Health | None = None,
    more_routes: Sequence[BaseRoute] = (),
    *,
    slowdown: Slowdown | None = None,
) -> Starlette:
    """All routes of ``lineal up``.

    Args:
        health: what ``/readyz`` asks; without it there are no routes for health.
        more_routes: those of others; each asks for its act (:func:`guarded`).
        slowdown: makes those wait who show what is wrong.

    Raises:
        TokenMissing: other machines reach the address, and there is no token they would need.
        WrongConfiguration: the token can be guessed.
    """
    settings = runtime.settings
    if not is_loopback(settings.listen) and not _has_token(runtime):
        raise TokenMissing(
            f"other machines reach {settings.listen}: set LINEAL_HTTP_TOKEN to a secret they show, "
            "or listen on 127.0.0.1"
        )
    authentication = Authentication(runtime, slowdown)
    routes = [
        guarded("read", "/", _directory),
        *login_routes(runtime, authentication),
        upload_route(runtime),
        event_route(runtime),
        package_route(runtime),
        *answer_routes(runtime),
        *_health_routes(runtime, health),
        *more_routes,
    ]
    return _protected(settings.listen, routes, authentication)


def monitoring_application(
    runtime: Runtime, health: Health, *, slowdown: Slowdown | None = None
) -> Starlette:
    """Only health and metrics, without documents: what a daemon without producers serves."""
    authentication = Authentication(runtime, slowdown)
    return _protected(runtime.settings.listen, _health_routes(runtime, health), authentication)


class TokenMissing(LinealError, ValueError):
    """The service would be open to other machines without a token."""


def _has_token(runtime: Runtime) -> bool:
    token = runtime.settings.http_token
    return token is not None and bool(token.get_secret_value())


def _health_routes(runtime: Runtime, health: Health | None) -> list[BaseRoute]:
    if health is None:
        return []
    return [*health_routes(health), guarded("metrics", "/metrics", metrics(runtime))]


def _protected(
    listen: str, routes: Sequence[BaseRoute], authentication: Authentication
) -> Starlette:
    loopback = is_loopback(listen)
    return Starlette(
        routes=routes,
        middleware=[Middleware(Protection, authentication=authentication, loopback=loopback)],
        exception_handlers={
            HTTPException: to_response,
            NotAuthenticated: not_authenticated,
            TooManyAttempts: not_authenticated,
            OSError: not_written,
            StoreUnavailable: not_written,
            StoreDamaged: not_written,
            Exception: not_written,
        },
    )


async def _directory(request: Request) -> Response:
    return JSONResponse(
        {
            "service": "lineal",
            "upload": "POST /documents (a form with files, or a body with ?name=)",
            "events": "POST /events (CloudEvents: structured, batched, or ce-* headers and data)",
            "documents": "GET /documents, /documents/ID, /documents/ID/text|json|csv|pdf|original",
            "search": "GET /search?q=WORDS",
            "health": "GET /healthz, /readyz, /metrics",
            "session": "GET /session, POST /login, /logout",
        }
    )
