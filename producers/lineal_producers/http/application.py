"""The web application: uploads and answers, behind the loopback check."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from lineal.runtime import Runtime
from lineal_producers.http.answers import answer_routes
from lineal_producers.http.errors import not_written, told
from lineal_producers.http.protection import LoopbackOnly
from lineal_producers.http.uploads import upload_route


def application(runtime: Runtime, more_routes: Sequence[BaseRoute] = ()) -> Starlette:
    """All routes of ``lineal up``; ``more_routes`` are those for health and metrics."""
    return _protected(
        [Route("/", _directory), upload_route(runtime), *answer_routes(runtime), *more_routes]
    )


def bare_application(routes: Sequence[BaseRoute]) -> Starlette:
    """Only the given routes: what a daemon without producers serves."""
    return _protected(routes)


def _protected(routes: Sequence[BaseRoute]) -> Starlette:
    return Starlette(
        routes=routes,
        middleware=[Middleware(LoopbackOnly)],
        exception_handlers={
            HTTPException: told,
            OSError: not_written,
            sqlite3.Error: not_written,
            Exception: not_written,
        },
    )


async def _directory(request: Request) -> Response:
    return JSONResponse(
        {
            "service": "lineal",
            "upload": "POST /documents (a form with files, or a body with ?name=)",
            "documents": "GET /documents, /documents/ID, /documents/ID/text|json|csv|pdf|original",
            "search": "GET /search?q=WORDS",
            "health": "GET /healthz, /readyz, /metrics",
        }
    )
