"""``GET /tags``, ``POST /documents/ID/description``: tags and labels of documents."""

from __future__ import annotations

from functools import partial

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.runtime import Runtime
from lineal_catalog.documents.describing import UnfitLabel, list_tags
from lineal_catalog.reviews.descriptions import correct_description
from lineal_catalog.reviews.field_corrections import NotCorrected
from lineal_catalog.reviews.item_state import ReviewConflict
from lineal_catalog.reviews.queries import UnknownReview
from lineal_catalog.reviews.reviewer import Reviewer
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded, reader_names
from lineal_producers.http.requested_document import requested_document

_MAX_BYTES = 64 * 1024


class _Description(BaseModel):
    """The body of ``POST /documents/ID/description``."""

    model_config = ConfigDict(extra="forbid")

    add: list[str] = []
    remove: list[str] = []
    labels: dict[str, str] = {}


def description_routes(runtime: Runtime) -> list[Route]:
    """``POST /documents/ID/description`` with ``{"add": ["tax"], "remove": ["new"], "labels":
    {"correspondent": "Acme", "type": "letter"}}``, for who may review; ``GET /tags`` counts the
    documents of each."""

    async def tags(request: Request) -> Response:
        found = await runtime.store.read(partial(list_tags, names=reader_names(request)))
        return JSONResponse([{"tag": each.value, "documents": each.documents} for each in found])

    async def describe_one(request: Request) -> Response:
        info = await requested_document(runtime, request)
        body = await limited(request, _MAX_BYTES, "name fewer tags and labels").body()
        try:
            said = _Description.model_validate(orjson.loads(body))
            event = await correct_description(
                runtime, info.document_id, Reviewer.of(credential_in(request)), "lineal:http",
                add=said.add, remove=said.remove, labels=said.labels,
            )  # fmt: skip
        except orjson.JSONDecodeError as error:
            raise HTTPException(400, f"the body is no JSON: {error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise HTTPException(422, f"{where}: {first['msg']}") from error
        except UnfitLabel as error:
            raise HTTPException(422, str(error)) from error
        except (UnknownReview, ReviewConflict) as error:
            raise HTTPException(409, str(error)) from error
        except NotCorrected as error:
            raise HTTPException(503, str(error)) from error
        answer = {"document_id": info.document_id, "event": event}
        return JSONResponse(answer, status_code=202)

    return [
        guarded("read", "/tags", tags),
        guarded("review", "/documents/{id}/description", describe_one, methods=["POST"]),
    ]
