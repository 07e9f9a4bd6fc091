"""A witness over HTTP: ``add-checkpoint``, and its newest checkpoint of a log (C2SP
tlog-witness)."""

from __future__ import annotations

import asyncio
import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lineal.proof.note import MalformedNote
from lineal.proof.witness import SIZE_TYPE, Witness, WitnessRejection, parse_add_checkpoint

_MAX_BODY_BYTES = 100_000
_ORIGIN_HASH = re.compile("[0-9a-f]{64}")


def witness_routes(witness: Witness) -> list[Route]:
    """The routes of a witness."""

    async def add_checkpoint(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY_BYTES:
                return PlainTextResponse("the body is too large\n", 413)
        try:
            asked = parse_add_checkpoint(body)
            signature = await asyncio.to_thread(witness.add_checkpoint, asked)
        except MalformedNote as error:
            return PlainTextResponse(f"{error}\n", 400)
        except WitnessRejection as error:
            if error.size is not None:
                return Response(f"{error.size}\n", error.status, {"content-type": SIZE_TYPE})
            return PlainTextResponse(f"{error}\n", error.status)
        return PlainTextResponse(f"{signature}\n")

    async def newest(request: Request) -> Response:
        log = request.path_params["log"]
        known = _ORIGIN_HASH.fullmatch(log) is not None
        note = await asyncio.to_thread(witness.newest, log) if known else None
        if note is None:
            return PlainTextResponse("nothing of this log was cosigned here\n", 404)
        return PlainTextResponse(note.decode(), headers={"cache-control": "no-cache"})

    return [
        Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
        Route("/{log}/checkpoint", newest),
    ]
