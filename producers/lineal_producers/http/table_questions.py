"""``/tables/TABLE/questions``: what would a model say if features had other values."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.runtime import Runtime
from lineal_catalog.tables.questions import NOTE, UnknownQuestion, ask_prediction, find_question
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded

_MAX_BYTES = 64 * 1024


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: str
    entity: str | None = None
    row: dict[str, float | None] | None = None
    set: Annotated[dict[str, float | None], Field(max_length=200)] = {}
    coverage: float = 0.9


def table_question_routes(runtime: Runtime) -> list[Route]:
    """``POST /tables/TABLE/questions`` with ``{"model": ..., "entity": ..., "set": {...}}``, then
    ``GET /tables/TABLE/questions/ID``."""

    async def ask(request: Request) -> Response:
        table = request.path_params["table"]
        body = await limited(request, _MAX_BYTES, "name fewer features").body()
        try:
            wanted = _Asked.model_validate_json(body)
            asked = await ask_prediction(
                runtime, credential_in(request), "lineal:http", table=table, model=wanted.model,
                entity=wanted.entity, row=wanted.row, changes=wanted.set, coverage=wanted.coverage,
            )  # fmt: skip
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "question"
            raise HTTPException(422, f"{where}: {first['msg']}") from error
        address = f"/tables/{table}/questions/{asked.question_id}"
        return JSONResponse({"question_id": asked.question_id, "answer": address}, 202)

    async def answer(request: Request) -> Response:
        table, question_id = request.path_params["table"], request.path_params["id"]
        try:
            question = await find_question(runtime, table, question_id, credential_in(request))
        except UnknownQuestion as error:
            raise HTTPException(404, str(error)) from error
        if question.answered is None:
            return JSONResponse({"status": "waiting"})
        answered = question.answered.model_dump(mode="json")
        status = "answered" if question.answered.problem is None else "rejected"
        return JSONResponse({"status": status, "note": NOTE, **answered})

    return [
        guarded("upload", "/tables/{table}/questions", ask, methods=["POST"]),
        guarded("upload", "/tables/{table}/questions/{id}", answer, methods=["GET"]),
    ]
