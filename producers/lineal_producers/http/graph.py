"""The graph over HTTP: SPARQL 1.1 Protocol, queries only, and the concepts that there are.

Source: https://www.w3.org/TR/sparql11-protocol/, section 2.1.
"""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.runtime import Runtime
from lineal_catalog.graph.mentioned import SHOWN_SCORE, list_concepts
from lineal_catalog.graph.query import (
    MAX_ROWS,
    MAX_SECONDS,
    QueryResult,
    QueryTooCostly,
    prepare,
    run_query,
)
from lineal_catalog.graph.sparql import BadQuery
from lineal_catalog.graph.triple_store import GraphUnavailable
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import guarded, reader_names
from lineal_producers.http.parameters import number
from lineal_producers.http.requested_document import SAFE_HEADERS

_MAX_BYTES = 200_000
_AT_ONCE = 2
"""Queries that run at the same time; others wait."""
_QUERY_TYPE = "application/sparql-query"
_FORM_TYPE = "application/x-www-form-urlencoded"
_RESULTS_TYPE = "application/sparql-results+json"


def graph_routes(runtime: Runtime) -> list[Route]:
    """``GET`` and ``POST /sparql``, with ``set=NAME=VALUE`` for parameters and ``limit=``, and
    ``GET /concepts``; only what documents mention that who asks may see is there."""
    turns = asyncio.Semaphore(_AT_ONCE)
    folder = runtime.settings.data / "graph"

    async def sparql(request: Request) -> Response:
        query, given = await _asked(request)
        values = _values(given)
        limit = min(number(request.query_params.get("limit")) or 1000, MAX_ROWS)
        try:
            async with turns:
                graphs = await runtime.store.read(
                    partial(prepare, folder=folder, names=reader_names(request))
                )
                found = await asyncio.to_thread(
                    run_query, folder, query, values, graphs, limit=limit, seconds=MAX_SECONDS
                )
        except BadQuery as error:
            raise HTTPException(400, str(error)) from error
        except GraphUnavailable as error:
            raise HTTPException(501, str(error)) from error
        except QueryTooCostly as error:
            raise HTTPException(503, str(error)) from error
        return _response(request, found)

    async def concepts(request: Request) -> Response:
        found = await runtime.store.read(
            partial(
                list_concepts,
                names=reader_names(request),
                min_score=_score(request.query_params.get("min_score")),
                kind=request.query_params.get("kind"),
                limit=min(number(request.query_params.get("limit")) or 1000, MAX_ROWS),
            )
        )
        return JSONResponse([item._asdict() for item in found], headers=SAFE_HEADERS)

    return [
        guarded("read", "/sparql", sparql, methods=["GET", "POST"]),
        guarded("read", "/concepts", concepts),
    ]


async def _asked(request: Request) -> tuple[str, list[str]]:
    given = request.query_params.getlist("set")
    if request.method == "GET":
        query = request.query_params.get("query", "")
    else:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        bounded = limited(request, _MAX_BYTES, "ask with a shorter query")
        if kind == _QUERY_TYPE:
            try:
                query = (await bounded.body()).decode()
            except UnicodeDecodeError as error:
                raise HTTPException(400, "the query is no UTF-8") from error
        elif kind == _FORM_TYPE:
            form = await bounded.form()
            query = str(form.get("query", ""))
            given = [*given, *map(str, form.getlist("set"))]
        else:
            raise HTTPException(415, f"send the query as {_QUERY_TYPE} or {_FORM_TYPE}")
    if not query.strip():
        raise HTTPException(400, "say what is asked: ?query=SPARQL; there are no updates")
    return query, given


def _values(given: list[str]) -> dict[str, str]:
    values = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise HTTPException(400, f"set={item}: write set=NAME=VALUE")
        values[name] = value
    return values


def _score(given: str | None) -> float:
    try:
        return SHOWN_SCORE if given is None else float(given)
    except ValueError as error:
        raise HTTPException(400, "min_score is a number from 0 to 1") from error


def _response(request: Request, found: QueryResult) -> Response:
    headers = dict(SAFE_HEADERS)
    if found.truncated:
        headers["Lineal-Truncated"] = "true"
    if "text/csv" in request.headers.get("accept", ""):
        return Response(found.as_csv(), media_type="text/csv", headers=headers)
    return JSONResponse(found.as_json(), media_type=_RESULTS_TYPE, headers=headers)
