"""``GET /cases``, ``/cases/CASE`` and ``/cases/PACKAGE/CASE``: packages of documents of one case.

``/packages`` is where devices get their models, without a token.
"""

from __future__ import annotations

from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.runtime import Runtime
from lineal_catalog.packages.queries import (
    UnknownPackage,
    find_package,
    list_packages,
    show_package,
)
from lineal_catalog.packages.requests import request_checks
from lineal_producers.http.guard import credential_in, guarded, reader_names


def case_routes(runtime: Runtime) -> list[Route]:
    """How packages stand, for who may read; ``POST .../check`` has one checked, for who may
    review."""

    async def cases(request: Request) -> Response:
        await runtime.flush_ledger()
        status = request.query_params.get("status")
        found = await runtime.store.read(
            partial(list_packages, status=status, names=reader_names(request))
        )
        return JSONResponse([one.to_dict() for one in found])

    async def case(request: Request) -> Response:
        try:
            found = await show_package(runtime, request.path_params["case"], reader_names(request))
        except UnknownPackage as error:
            raise HTTPException(404, str(error)) from error
        return JSONResponse(found)

    async def check(request: Request) -> Response:
        try:
            wanted = partial(
                find_package, wanted=request.path_params["case"], names=reader_names(request)
            )
            found = await runtime.store.read(wanted)
        except UnknownPackage as error:
            raise HTTPException(404, str(error)) from error
        package = (found.package, found.case)
        made = await request_checks(runtime, [package], credential_in(request), "lineal:http")
        return JSONResponse({"requested": made}, 202)

    return [
        guarded("read", "/cases", cases),
        guarded("review", "/cases/{case:path}/check", check, methods=["POST"]),
        guarded("read", "/cases/{case:path}", case),
    ]
