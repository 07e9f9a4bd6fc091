"""Limits the size of a request's body, whether or not its length is announced."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive


def limited(request: Request, limit: int, advice: str) -> Request:
    """The request with a body that cannot be read beyond ``limit`` bytes.

    Raises:
        HTTPException: 413, it is larger; reading the body of what is returned raises it too.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit, advice)
    return Request(request.scope, _counting(request.receive, limit, advice))


def _counting(receive: Receive, limit: int, advice: str) -> Receive:
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _too_large(limit, advice)
        return message

    return counting


def _too_large(limit: int, advice: str) -> HTTPException:
    return HTTPException(
        413,
        f"the body is larger than {limit // (1024 * 1024)} MB: {advice}",
        headers={"connection": "close"},
    )
