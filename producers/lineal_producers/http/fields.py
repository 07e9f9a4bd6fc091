"""``GET`` and ``POST /documents/ID/fields``: the fields of a document, and what is right."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.access.acts import NotPermitted
from lineal.runtime import Runtime
from lineal_catalog.reviews.field_corrections import (
    NotCorrected,
    UnknownField,
    correct_fields,
)
from lineal_catalog.reviews.item_state import ReviewConflict
from lineal_catalog.reviews.queries import UnknownReview
from lineal_catalog.reviews.readings import extracted_fields
from lineal_catalog.reviews.reviewer import Reviewer
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_producers.http.requested_document import requested_document

_MAX_BYTES = 1024 * 1024


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")

    values: Annotated[dict[str, str], Field(min_length=1)]
    """By the name of the field; an empty text: the document has no such value."""


def field_routes(runtime: Runtime) -> list[Route]:
    """``GET /documents/ID/fields``; ``POST`` to it ``{"values": {"total": "12.00"}}``."""

    async def fields(request: Request) -> Response:
        info = await requested_document(runtime, request)
        found = await extracted_fields(runtime, info.document_id)
        if found is None:
            raise HTTPException(404, f"no fields of {info.document_id} were extracted")
        return JSONResponse({"document_id": info.document_id, **found.model_dump(mode="json")})

    async def correct(request: Request) -> Response:
        info = await requested_document(runtime, request)
        body = await limited(request, _MAX_BYTES, "say less at once").body()
        try:
            said = _Said.model_validate_json(body)
            made = await correct_fields(
                runtime, info.document_id, said.values, Reviewer.of(credential_in(request))
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise HTTPException(422, f"{where}: {first['msg']}") from error
        except NotPermitted as error:
            raise HTTPException(403, str(error)) from error
        except UnknownField as error:
            raise HTTPException(422, str(error)) from error
        except UnknownReview as error:
            raise HTTPException(404, str(error)) from error
        except ReviewConflict as error:
            raise HTTPException(409, str(error)) from error
        except NotCorrected as error:
            raise HTTPException(503, str(error)) from error
        return JSONResponse({"item": made.item, "outcome": made.outcome}, 200)

    return [
        guarded("read", "/documents/{id}/fields", fields),
        guarded("review", "/documents/{id}/fields", correct, methods=["POST"]),
    ]
