"""Labelling jobs over HTTP: create, take, give, close, export, and how it goes."""

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
from lineal.store.connection import Connection
from lineal_catalog.documents.queries import UnknownDocument
from lineal_catalog.labels.acts import WrongLabel
from lineal_catalog.labels.answers import give_label, take_item
from lineal_catalog.labels.closing import close_job
from lineal_catalog.labels.dashboard import JobFigures, job_figures
from lineal_catalog.labels.exchange import export_job, import_job
from lineal_catalog.labels.formats import FORMATS
from lineal_catalog.labels.items import item_of, with_sizes
from lineal_catalog.labels.jobs import create_job
from lineal_catalog.labels.queries import Job, UnknownJob, find_job, list_jobs
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded, reader_names
from lineal_schemas.labels import ConsensusMethod, LabelItem, LabelJobKind, LabelValue

_MAX_BYTES = 64 * 1024 * 1024
_TOO_LARGE = "a job or a file of labels has at most 64 MB"
_MEDIA_TYPES = {"csv": "text/csv", "label-studio": "application/json", "coco": "application/json"}


class _NewJob(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    kind: LabelJobKind = "label"
    items: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    answers: int = Field(default=1, ge=1)
    known: dict[str, str] = {}
    source: str | None = None
    cost_per_hour: float = Field(default=0.0, ge=0)
    model: str | None = None


class _NewLabel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    item: str
    value: LabelValue
    seconds: float | None = Field(default=None, ge=0)


class _Close(BaseModel):
    model_config = ConfigDict(extra="forbid")

    method: ConsensusMethod = "majority"


def label_job_routes(runtime: Runtime) -> list[Route]:
    """``GET`` and ``POST /label-jobs``; of one: ``POST .../take``, ``/labels``, ``/close``, and
    ``GET .../labels?format=&which=``, ``.../dashboard`` and ``.../dashboard.csv``. ``POST
    /label-jobs/import?format=&name=`` makes one of a file."""

    async def jobs(request: Request) -> Response:
        found = await runtime.store.read(lambda c: [job.to_dict(c) for job in list_jobs(c)])
        return JSONResponse(found)

    async def create(request: Request) -> Response:
        asked, names = await _body(request, _NewJob), reader_names(request)

        def items(connection: Connection) -> dict[str, LabelItem]:
            wanted = (*asked.items, *(asked.known if asked.source is None else ()))
            return {name: item_of(connection, name, names) for name in wanted}

        found = await runtime.store.read(items)
        sized = await with_sizes(runtime, [found[name] for name in asked.items])
        known = {
            found[name].item if name in found else name: label
            for name, label in asked.known.items()
        }
        created = await create_job(
            runtime, credential_in(request), name=asked.name, kind=asked.kind, items=sized,
            classes=asked.classes, answers=asked.answers, known=known, source=asked.source,
            cost_per_hour=asked.cost_per_hour, model=asked.model,
        )  # fmt: skip
        return JSONResponse(created.model_dump(mode="json"), 201)

    async def job(request: Request) -> Response:
        wanted = request.path_params["job"]
        return JSONResponse(await runtime.store.read(lambda c: find_job(c, wanted).to_dict(c)))

    async def take(request: Request) -> Response:
        taken = await take_item(runtime, request.path_params["job"], credential_in(request))
        if taken is None:
            return Response(status_code=204)
        label = None
        if taken.label is not None:
            label = taken.label.model_dump(mode="json", exclude_defaults=True, exclude={"salt"})
        return JSONResponse({**taken.item.model_dump(mode="json"), "label": label})

    async def give(request: Request) -> Response:
        body = await _body(request, _NewLabel)
        given = await give_label(
            runtime, request.path_params["job"], body.item, body.value, credential_in(request),
            seconds=body.seconds,
        )  # fmt: skip
        return JSONResponse(given.model_dump(mode="json"), 201)

    async def close(request: Request) -> Response:
        body = await _body(request, _Close)
        closed = await close_job(
            runtime, request.path_params["job"], credential_in(request), method=body.method
        )
        return JSONResponse(closed.model_dump(mode="json"))

    async def export(request: Request) -> Response:
        query = request.query_params
        format, which = query.get("format", "csv"), query.get("which", "results")
        if format not in FORMATS or which not in ("results", "given"):
            raise HTTPException(
                400, f"format is one of {', '.join(FORMATS)}; which: results, given"
            )
        found = await _found(request)
        made = await export_job(runtime, found, which, format)  # type: ignore[arg-type]
        return Response(made, media_type=_MEDIA_TYPES[format])

    async def load(request: Request) -> Response:
        query = request.query_params
        format = query.get("format", "csv")
        if format not in FORMATS or "name" not in query:
            raise HTTPException(400, f"give ?name= and ?format= one of {', '.join(FORMATS)}")
        data = await limited(request, _MAX_BYTES, _TOO_LARGE).body()
        created, unknown = await import_job(
            runtime, credential_in(request), data, format, name=query["name"],
            names=reader_names(request),
        )  # fmt: skip
        return JSONResponse({**created.model_dump(mode="json"), "unknown": unknown}, 201)

    async def figures(request: Request) -> Response:
        return JSONResponse((await _figures(request)).to_dict())

    async def figures_csv(request: Request) -> Response:
        import csv
        import io

        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows((await _figures(request)).to_rows())
        return Response(out.getvalue(), media_type="text/csv")

    async def _figures(request: Request) -> JobFigures:
        wanted = request.path_params["job"]
        return await runtime.store.read(lambda c: job_figures(c, find_job(c, wanted)))

    async def _found(request: Request) -> Job:
        return await runtime.store.read(partial(find_job, wanted=request.path_params["job"]))

    def answering(endpoint: Callable[[Request], Awaitable[Response]]) -> Any:
        async def answered(request: Request) -> Response:
            try:
                return await endpoint(request)
            except ClientDisconnect:
                return Response(status_code=400)
            except (UnknownJob, UnknownDocument) as error:
                raise HTTPException(404, str(error)) from error
            except NotPermitted as error:
                raise HTTPException(403, str(error)) from error
            except WrongLabel as error:
                raise HTTPException(422, str(error)) from error

        return answered

    return [
        guarded("review", "/label-jobs", answering(jobs), methods=["GET"]),
        guarded("review", "/label-jobs", answering(create), methods=["POST"]),
        guarded("review", "/label-jobs/import", answering(load), methods=["POST"]),
        guarded("review", "/label-jobs/{job}", answering(job), methods=["GET"]),
        guarded("review", "/label-jobs/{job}/take", answering(take), methods=["POST"]),
        guarded("review", "/label-jobs/{job}/labels", answering(give), methods=["POST"]),
        guarded("review", "/label-jobs/{job}/labels", answering(export), methods=["GET"]),
        guarded("review", "/label-jobs/{job}/close", answering(close), methods=["POST"]),
        guarded("review", "/label-jobs/{job}/dashboard", answering(figures), methods=["GET"]),
        guarded(
            "review", "/label-jobs/{job}/dashboard.csv", answering(figures_csv), methods=["GET"]
        ),
    ]


async def _body(request: Request, model: type[Any]) -> Any:
    data = await limited(request, _MAX_BYTES, _TOO_LARGE).body()
    try:
        return model.model_validate(orjson.loads(data or b"{}"))
    except orjson.JSONDecodeError as error:
        raise HTTPException(422, f"the body is no JSON: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise HTTPException(422, f"the body does not fit: {where}: {first['msg']}") from error
