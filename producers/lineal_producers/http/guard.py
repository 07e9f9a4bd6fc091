"""Routes with the act that they require permission for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lineal.access.acts import Act, NotPermitted
from lineal.access.credential import Credential

Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(
    act: Act, path: str, endpoint: Endpoint, *, methods: Sequence[str] | None = None
) -> Route:
    """A route for those who may do an act; others are answered 403.

    A GET that changes something has no place in an API: what is guarded as ``read`` must not.
    """

    async def checked(request: Request) -> Response:
        try:
            credential_in(request).require(act)
        except NotPermitted as error:
            raise HTTPException(403, str(error)) from error
        return await endpoint(request)

    return Route(path, checked, methods=None if methods is None else list(methods))


def credential_in(request: Request) -> Credential:
    """Who asks, as the service has found out.

    Raises:
        HTTPException: 401, nobody has; the route is not behind the protection.
    """
    credential = request.scope.get("lineal.credential")
    if not isinstance(credential, Credential):
        raise HTTPException(401, "this address is not open to anybody")
    return credential


def reader_names(request: Request) -> tuple[str, ...] | None:
    """By which names access lists know who asks; None: an owner, who sees every document."""
    credential = credential_in(request)
    if credential.may("manage"):
        return None
    return credential.reader_names
