"""The queue of reviews over HTTP: list, take, draft, answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.access.acts import NotPermitted
from lineal.runtime import Runtime
from lineal_catalog.documents.queries import UnknownDocument, find_document
from lineal_catalog.reviews import acts
from lineal_catalog.reviews.answers import EmptyAnswer
from lineal_catalog.reviews.answers import complete as complete_review
from lineal_catalog.reviews.item_state import ReviewConflict
from lineal_catalog.reviews.queries import (
    Filter,
    Order,
    UnknownReview,
    count_waiting,
    list_reviews,
)
from lineal_catalog.reviews.readings import value_of
from lineal_catalog.reviews.redaction import WrongBox
from lineal_catalog.reviews.reviewer import Reviewer, find
from lineal_catalog.reviews.thresholds import measured_classes, set_thresholds, thresholds_for
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_producers.http.parameters import number
from lineal_schemas.envelope import now_us
from lineal_schemas.reviews import ReviewValue

_MAX_BYTES = 16 * 1024 * 1024
_MAX_LISTED = 1000
_TOO_LARGE = "an answer has at most 16 MB"


class _Answer(BaseModel):
    """The body of an answer."""

    model_config = ConfigDict(extra="forbid")

    value: ReviewValue | None = None
    """None: what the draft says, or that the machine is right."""
    seconds: float | None = Field(default=None, ge=0)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document_id: str
    target: str = Field(default="text", pattern="^(text|class|fields|tables|redaction)$")


class _Skip(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = ""


class _Thresholds(BaseModel):
    model_config = ConfigDict(extra="forbid")

    thresholds: dict[str, float]
    precision: float = Field(gt=0, le=1)


def review_routes(runtime: Runtime) -> list[Route]:
    """``GET /reviews``, ``/reviews/ITEM``; ``POST /reviews``, ``/reviews/next``,
    ``/reviews/ITEM/take|release|skip|complete``; ``PUT /reviews/ITEM/draft``;
    ``GET`` and ``POST /review-thresholds``.

    Whoever is second is answered 409, with what the first did; what they sent stays as a draft.
    """

    async def reviews(request: Request) -> Response:
        who, query = _who(request), request.query_params
        status = query.get("status", "waiting")
        if status not in ("waiting", "completed", "all"):
            raise HTTPException(400, "status is one of waiting, completed, all")
        limit = min(number(query.get("limit")) or 100, _MAX_LISTED)
        now = now_us()
        found = await runtime.store.read(
            lambda c: list_reviews(
                c, now=now, wanted=_filter(request), status=status,  # type: ignore[arg-type]
                order=_order(request), limit=limit, names=who.names,
            )
        )  # fmt: skip
        return JSONResponse([item.to_dict(who.actor, now) for item in found])

    async def counts(request: Request) -> Response:
        names = _who(request).names
        return JSONResponse(await runtime.store.read(partial(count_waiting, names=names)))

    async def review(request: Request) -> Response:
        who = _who(request)
        item = await find(runtime, request.path_params["item"], who)
        return JSONResponse(await acts.details(runtime, item, who))

    async def ask(request: Request) -> Response:
        who, asked = _who(request), await _body(request, _Asked)
        info = await runtime.store.read(
            partial(find_document, wanted=asked.document_id, names=who.names)
        )
        requested = await acts.request_review(runtime, info.document_id, asked.target, who)
        return JSONResponse({"item": requested.item}, 202)

    async def take_next(request: Request) -> Response:
        who = _who(request)
        item = await acts.take_next(runtime, who, _filter(request), _order(request))
        if item is None:
            return Response(status_code=204)
        return JSONResponse(await acts.details(runtime, item, who))

    async def take(request: Request) -> Response:
        who = _who(request)
        item = await acts.take(runtime, request.path_params["item"], who)
        return JSONResponse(await acts.details(runtime, item, who))

    async def release(request: Request) -> Response:
        await acts.release(runtime, request.path_params["item"], _who(request))
        return Response(status_code=204)

    async def skip(request: Request) -> Response:
        body = await _body(request, _Skip)
        await acts.skip(runtime, request.path_params["item"], _who(request), body.reason)
        return Response(status_code=204)

    async def draft(request: Request) -> Response:
        value = await _body(request, ReviewValue)
        return JSONResponse(
            await acts.save_draft(runtime, request.path_params["item"], value, _who(request))
        )

    async def complete(request: Request) -> Response:
        body = await _body(request, _Answer)
        made = await complete_review(
            runtime, request.path_params["item"], body.value, _who(request), seconds=body.seconds
        )
        return JSONResponse({"type": made.type, **made.model_dump(mode="json")})

    async def thresholds(request: Request) -> Response:
        measured = await runtime.store.read(measured_classes)
        try:
            found = thresholds_for(measured, float(request.query_params.get("precision", "0.95")))
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        return JSONResponse([each._asdict() for each in found.values()])

    async def change_thresholds(request: Request) -> Response:
        body = await _body(request, _Thresholds)
        made = await set_thresholds(
            runtime, body.thresholds, body.precision, credential_in(request)
        )
        return JSONResponse(made.model_dump(mode="json"))

    def answering(endpoint: Callable[[Request], Awaitable[Response]]) -> Any:
        async def answered(request: Request) -> Response:
            try:
                return await endpoint(request)
            except ClientDisconnect:
                return Response(status_code=400)
            except ReviewConflict as error:
                return JSONResponse(await _conflict(runtime, error), 409)
            except (UnknownReview, UnknownDocument) as error:
                raise HTTPException(404, str(error)) from error
            except NotPermitted as error:
                raise HTTPException(403, str(error)) from error
            except (EmptyAnswer, WrongBox) as error:
                raise HTTPException(422, str(error)) from error

        return answered

    return [
        guarded("review", "/reviews", answering(reviews), methods=["GET"]),
        guarded("review", "/reviews", answering(ask), methods=["POST"]),
        guarded("review", "/reviews/counts", answering(counts), methods=["GET"]),
        guarded("review", "/reviews/next", answering(take_next), methods=["POST"]),
        guarded("review", "/reviews/{item}", answering(review), methods=["GET"]),
        guarded("review", "/reviews/{item}/take", answering(take), methods=["POST"]),
        guarded("review", "/reviews/{item}/release", answering(release), methods=["POST"]),
        guarded("review", "/reviews/{item}/skip", answering(skip), methods=["POST"]),
        guarded("review", "/reviews/{item}/draft", answering(draft), methods=["PUT"]),
        guarded("review", "/reviews/{item}/complete", answering(complete), methods=["POST"]),
        guarded("review", "/review-thresholds", answering(thresholds), methods=["GET"]),
        guarded("promote", "/review-thresholds", answering(change_thresholds), methods=["POST"]),
    ]


def _who(request: Request) -> Reviewer:
    return Reviewer.of(credential_in(request))


def _filter(request: Request) -> Filter:
    query = request.query_params
    try:
        below = None if "below" not in query else float(query["below"])
        older = None if "older" not in query else float(query["older"])
    except ValueError as error:
        raise HTTPException(400, "below and older are numbers") from error
    return Filter(query.get("reason"), query.get("target"), query.get("class"), below, older,
                  query.get("subject"))  # fmt: skip


def _order(request: Request) -> Order:
    order = request.query_params.get("order", "age")
    if order == "age":
        return "age"
    if order == "confidence":
        return "confidence"
    raise HTTPException(400, "order is one of age, confidence")


async def _conflict(runtime: Runtime, error: ReviewConflict) -> dict[str, Any]:
    details = dict(error.details)
    if "after" in details:
        value = await value_of(runtime, details.pop("after"))
        details["value"] = (
            None
            if value is None
            else value.model_dump(mode="json", exclude={"salt"}, exclude_defaults=True)
        )
    return {"error": str(error), "conflict": type(error).__name__, **details}


async def _body(request: Request, model: type[Any]) -> Any:
    data = await limited(request, _MAX_BYTES, _TOO_LARGE).body()
    try:
        return model.model_validate(orjson.loads(data or b"{}"))
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise HTTPException(422, f"the body does not fit: {_brief(error)}") from error


def _brief(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
