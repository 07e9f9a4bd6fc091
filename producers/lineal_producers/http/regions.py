"""``/regions/runs``: sends the jobs of a manifest to regions, and gives out the answers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.access.acts import NotPermitted
from lineal.errors import ObjectMissing, PermanentFailure
from lineal.runtime import Runtime
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_producers.regions.manifest import BadManifest
from lineal_producers.regions.manifest_runs import (
    RunConflict,
    RunOptions,
    RunReport,
    UnknownRun,
    find_run,
    list_runs,
    request_run,
)
from lineal_producers.regions.run_state import JobState
from lineal_schemas.regions import RegionRunRequested

_MAX_BYTES = 16 * 1024 * 1024


def region_routes(runtime: Runtime) -> list[Route]:
    """``POST /regions/runs`` with a manifest (JSON lines); then ``GET /regions/runs`` and
    ``/regions/runs/RUN``."""

    async def begin(request: Request) -> Response:
        try:
            body = await limited(request, _MAX_BYTES, "send several manifests").body()
        except ClientDisconnect:
            return Response(status_code=400)
        asked: dict[str, Any] = dict(request.query_params)
        name = asked.pop("run", None) or None
        try:
            options = RunOptions.model_validate(asked)
            made = await request_run(runtime, body.decode(), name, options, credential_in(request))
        except NotPermitted as error:
            raise HTTPException(403, str(error)) from error
        except UnicodeDecodeError as error:
            raise HTTPException(422, "the manifest is no text in UTF-8") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "options"
            raise HTTPException(422, f"{where}: {first['msg']}") from error
        except (BadManifest, PermanentFailure) as error:
            raise HTTPException(422, str(error)) from error
        except RunConflict as error:
            raise HTTPException(409, str(error)) from error
        return JSONResponse(_described(made), 202)

    async def show(request: Request) -> Response:
        try:
            found = await find_run(runtime, request.path_params["run"], credential_in(request))
        except UnknownRun as error:
            raise HTTPException(404, str(error)) from error
        except ObjectMissing as error:
            raise HTTPException(410, "the manifest has been erased") from error
        return JSONResponse(_report(found))

    async def list_all(request: Request) -> Response:
        runs = await list_runs(runtime, credential_in(request))
        return JSONResponse({"runs": [{**_described(one), "ended": ended} for one, ended in runs]})

    return [
        guarded("publish", "/regions/runs", begin, methods=["POST"]),
        guarded("publish", "/regions/runs", list_all, methods=["GET"]),
        guarded("publish", "/regions/runs/{run}", show, methods=["GET"]),
    ]


def _described(requested: RegionRunRequested) -> dict[str, Any]:
    return {
        "run": requested.run,
        "jobs": requested.jobs,
        "by": requested.by,
        "status": f"/regions/runs/{requested.run}",
    }


def _report(found: RunReport) -> dict[str, Any]:
    jobs = [_job(state) for state in found.states]
    counts = Counter(job["status"] for job in jobs)
    if found.ended is None:
        status = "running" if any(state.attempts for state in found.states) else "waiting"
    else:
        status = "done" if found.ended.failed == 0 else "failed"
    return {
        **_described(found.requested),
        "status": status,
        "problem": None if found.ended is None else found.ended.problem,
        "counts": {name: counts[name] for name in ("done", "failed", "sent", "waiting")},
        "jobs": jobs,
    }


def _job(state: JobState) -> dict[str, Any]:
    """Where a job is, and its answer or why there is none."""
    last = state.attempts[-1].region if state.attempts else None
    fields = {"job": state.job.id, "attempts": len(state.attempts), "region": last}
    if state.done is not None:
        done = state.done
        return fields | {
            "status": "done", "region": done.region, "answer": done.answer,
            "event_id": done.event_id, "data": done.data,
        }  # fmt: skip
    if state.failed is not None:
        return fields | {"status": "failed", "reason": state.failed.reason}
    return fields | {"status": "sent" if state.attempts else "waiting"}
