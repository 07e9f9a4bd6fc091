"""The web application: uploads, events and answers, behind a check of who asks."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from lineal.errors import LinealError, StoreDamaged, StoreUnavailable
from lineal.runtime import Runtime
from lineal_producers.http.answers import answer_routes
from lineal_producers.http.errors import not_written, to_response
from lineal_producers.http.events import event_route
from lineal_producers.http.packages import package_route
from lineal_producers.http.protection import LoopbackOnly, TokenOnly, is_loopback
from lineal_producers.http.uploads import upload_route


def application(runtime: Runtime, more_routes: Sequence[BaseRoute] = ()) -> Starlette:
    """All routes of ``lineal up``; ``more_routes`` are those for health and metrics.

    Raises:
        TokenMissing: other machines reach the address, and there is no token they would need.
    """
    settings = runtime.settings
    if is_loopback(settings.listen):
        protection = Middleware(LoopbackOnly)
    elif settings.http_token is None or not settings.http_token.get_secret_value():
        raise TokenMissing(
            f"other machines reach {settings.listen}: set LINEAL_HTTP_TOKEN to a secret they show, "
            "or listen on 127.0.0.1"
        )
    else:
        protection = Middleware(TokenOnly, token=settings.http_token.get_secret_value())
    routes = [
        Route("/", _directory),
        upload_route(runtime),
        event_route(runtime),
        package_route(runtime),
        *answer_routes(runtime),
        *more_routes,
    ]
    return _protected(routes, [protection])


def bare_application(routes: Sequence[BaseRoute], *, listen: str = "127.0.0.1") -> Starlette:
    """Only the given routes, which tell nothing of documents: what a daemon without producers
    serves."""
    return _protected(routes, [Middleware(LoopbackOnly)] if is_loopback(listen) else [])


class TokenMissing(LinealError, ValueError):
    """The service would be open to other machines without a token."""


def _protected(routes: Sequence[BaseRoute], protection: Sequence[Middleware]) -> Starlette:
    return Starlette(
        routes=routes,
        middleware=protection,
        exception_handlers={
            HTTPException: to_response,
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
        }
    )
