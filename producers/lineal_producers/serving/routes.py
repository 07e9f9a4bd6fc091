"""``/v2``: models over HTTP by the Open Inference Protocol of KServe."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_producers.serving.batching import QueueFull
from lineal_producers.serving.protocol import (
    WrongRequest,
    describe,
    read_request,
    write_answer,
)
from lineal_producers.serving.rate import RateLimit
from lineal_producers.serving.server import NotReady
from lineal_producers.serving.version_process import ModelFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineal_producers.serving.server import ModelServer

_TOO_LARGE = "send fewer rows at once"
_AGAIN = {"retry-after": "1"}


def serving_routes(servers: Sequence[ModelServer]) -> list[Route]:
    """What ``lineal serve`` answers beside health and metrics."""
    by_name = {server.name: server for server in servers}
    rates = {server.name: RateLimit(server.settings.requests_per_second) for server in servers}

    async def about(request: Request) -> Response:
        return JSONResponse({"name": "lineal", "version": version("lineal"), "extensions": []})

    async def live(request: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(request: Request) -> Response:
        reasons = [server.problem for server in servers if server.problem is not None]
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    def asked(request: Request) -> tuple[ModelServer, int | None]:
        server = by_name.get(request.path_params["model"])
        if server is None:
            raise HTTPException(404, f"served here: {', '.join(by_name)}")
        wanted = request.path_params.get("version")
        if wanted is None:
            return server, None
        if not wanted.isdigit():
            raise HTTPException(404, "a version is a number")
        return server, int(wanted)

    async def model(request: Request) -> Response:
        server, wanted = asked(request)
        try:
            package = server.package_of(wanted)
        except NotReady as error:
            raise HTTPException(404, str(error)) from error
        versions = [item.model.version for item in server.packages]
        return JSONResponse(describe(package, versions))

    async def model_ready(request: Request) -> Response:
        server, wanted = asked(request)
        try:
            server.package_of(wanted)
        except NotReady as error:
            return JSONResponse({"ready": False, "reasons": [str(error)]}, 503)
        reason = server.problem
        return JSONResponse({"ready": reason is None}, 200 if reason is None else 503)

    async def infer(request: Request) -> Response:
        server, wanted = asked(request)
        limits = server.settings
        if not rates[server.name].allows(credential_in(request).actor):
            raise HTTPException(
                429, f"at most {limits.requests_per_second:g} requests a second", _AGAIN
            )
        try:
            body = await limited(request, limits.max_body_mb * 1024 * 1024, _TOO_LARGE).body()
            package = server.package_of(wanted)
            given = read_request(body, package, limits.max_request_rows)
            package, outputs = await server.infer(given, wanted)
        except ClientDisconnect:
            return Response(status_code=400)
        except WrongRequest as error:
            raise HTTPException(400, str(error)) from error
        except NotReady as error:
            raise HTTPException(404 if wanted is not None else 503, str(error), _AGAIN) from error
        except QueueFull as error:
            raise HTTPException(429, str(error), _AGAIN) from error
        except ModelFailed as error:
            raise HTTPException(500, f"the model failed: {error}") from error
        return Response(
            write_answer(package, given, outputs),
            media_type="application/json",
            headers={"lineal-model-version": str(package.model.version)},
        )

    routes = [
        guarded("read", "/v2", about, methods=["GET"]),
        Route("/v2/health/live", live, methods=["GET"]),
        Route("/v2/health/ready", ready, methods=["GET"]),
    ]
    for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        routes += [
            guarded("read", path, model, methods=["GET"]),
            guarded("read", f"{path}/ready", model_ready, methods=["GET"]),
            guarded("read", f"{path}/infer", infer, methods=["POST"]),
        ]
    return routes
