"""Error responses as JSON."""

from __future__ import annotations

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from lineal.access.slowdown import TooManyAttempts
from lineal.errors import StoreFull, StoreUnavailable
from lineal.stages.retry import unavailable

log = structlog.get_logger(__name__)

_ADVICE = {
    404: "there is nothing at this address: see /documents and /search?q=",
    405: "this address does not take that method",
}


async def to_response(request: Request, error: Exception) -> Response:
    """An expected error: its own words, or ours where it has none."""
    assert isinstance(error, HTTPException)
    detail = error.detail
    if error.status_code in _ADVICE and detail in ("Not Found", "Method Not Allowed"):
        detail = _ADVICE[error.status_code]
    return JSONResponse({"error": detail}, status_code=error.status_code, headers=error.headers)


async def not_authenticated(request: Request, error: Exception) -> Response:
    """A name and a password, or a one-time key, that let nobody in."""
    if isinstance(error, TooManyAttempts):
        return JSONResponse({"error": "too many attempts to log in: try again later"}, 429)
    if "text/html" in request.headers.get("accept", ""):  # the form, with what went wrong
        how = "password" if request.method == "POST" else "key"
        return RedirectResponse(f"/login?failed={how}", 303)
    return JSONResponse({"error": "this lets nobody in: it is wrong, or no longer valid"}, 401)


async def not_written(request: Request, error: Exception) -> Response:
    """The machine could not keep or read what was asked."""
    log.warning("http.failed", error=repr(error))
    if isinstance(error, StoreFull) or (isinstance(error, OSError) and unavailable(error)):
        return JSONResponse({"error": "there is no room on the disk: try again later"}, 507)
    if isinstance(error, StoreUnavailable):
        return JSONResponse(
            {"error": "the store cannot be reached: try again later"}, status_code=503
        )
    return JSONResponse(
        {"error": "the service could not do this; its log says why"}, status_code=500
    )
