"""``/diagrams``: searches diagrams, and takes corrections."""

from __future__ import annotations

from functools import partial

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.runtime import Runtime
from lineal_catalog.diagrams.correction import correct_diagram
from lineal_catalog.diagrams.search import UnknownDiagram, find_diagrams
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_producers.http.parameters import number

_MAX_BYTES = 65_536
_MOST = 100


class _Correction(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str
    services: list[str]


def diagram_routes(runtime: Runtime) -> list[Route]:
    """``GET /diagrams?q=USE+CASE&service=NAME&service=NAME&score=40&limit=20``, and ``POST
    /diagrams`` with ``{"url": ..., "services": [...]}``: a correction."""

    async def search(request: Request) -> Response:
        given = request.query_params
        ask = partial(
            find_diagrams,
            text=given.get("q", ""),
            services=given.getlist("service"),
            min_score=_or(number(given.get("score")), 40),
            limit=min(_or(number(given.get("limit")), 20), _MOST),
        )
        await runtime.flush_ledger()
        hits = await runtime.store.read(ask)
        return JSONResponse(
            [{"score": hit.score, **hit.diagram.model_dump(mode="json")} for hit in hits]
        )

    async def correct(request: Request) -> Response:
        data = await limited(request, _MAX_BYTES, "a diagram has not so many services").body()
        try:
            asked = _Correction.model_validate_json(data)
            said = await correct_diagram(runtime, asked.url, asked.services, credential_in(request))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise HTTPException(422, f"{where}: {first['msg']}") from error
        except UnknownDiagram as error:
            raise HTTPException(404, str(error)) from error
        return JSONResponse(said.model_dump(mode="json"), status_code=202)

    return [
        guarded("read", "/diagrams", search),
        guarded("review", "/diagrams", correct, methods=["POST"]),
    ]


def _or(given: int | None, default: int) -> int:
    return default if given is None else given
