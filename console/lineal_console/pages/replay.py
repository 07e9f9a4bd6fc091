"""Replays: chosen, previewed, run, followed and cancelled."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.stages.discovery import installed_stages
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.models.queries import list_models
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.pages.document_query import wanted_documents
from lineal_console.pages.documents import chosen_documents
from lineal_console.pages.flow import subject_url
from lineal_console.replay_jobs import ReplayJob, ReplayJobs, ReplayRequest

REPLAY = Page("replay", "Replay", act="replay", section="flow", order=30)
_SAMPLE = 100


def _jobs(request: PageRequest) -> ReplayJobs:
    return request.console.shared("replays", lambda: ReplayJobs(request.runtime))


@REPLAY.get()
async def replays(request: PageRequest) -> Response:
    """A form to choose one, and those there are."""
    return await _form(request, [])


@REPLAY.post("/choose")
async def choose(request: PageRequest) -> Response:
    """The same form, for documents that were chosen in their list."""
    return await _form(request, await chosen_documents(request, await request.form()))


async def _form(request: PageRequest, documents: list[str]) -> Response:
    stages = sorted(installed_stages().values(), key=lambda stage: stage.name)
    models = await request.runtime.store.read(list_models)
    return request.render(
        "replay.html",
        stages=stages,
        models=models,
        documents=documents,
        jobs=list(_jobs(request).jobs),
        sample=_SAMPLE,
        stage=request.query("stage"),
    )


@REPLAY.post("/begin")
async def begin(request: PageRequest) -> Response:
    """Begin a preview or a replay."""
    form = await request.form()
    models = []
    for given in form.getlist("model"):
        name, colon, version = str(given).rpartition(":")
        if colon and version.isdigit():
            models.append((name, int(version)))
    sample = str(form.get("sample", ""))
    ids = [str(value) for value in form.getlist("document")]
    preview = form.get("do") != "run"
    job = _jobs(request).begin(
        ReplayRequest(
            stage=str(form.get("stage", "")),
            stale=bool(form.get("stale")),
            since=wanted_documents({"since": str(form.get("since", ""))}).since,
            subjects=frozenset(DOCUMENT + item for item in ids),
            models=tuple(models) if preview else (),
            sample=int(sample) if preview and sample.isdigit() and len(sample) < 9 else None,
            preview=preview,
        ),
        request.credential,
    )
    return request.redirect(f"{REPLAY.url}/jobs/{job.id}")


@REPLAY.get("/jobs/{id}")
async def show_job(request: PageRequest) -> Response:
    """One replay with its progress and, of a preview, what would change."""
    return request.render("replay_job.html", job=_job(request), subject_url=subject_url)


@REPLAY.get("/jobs/{id}/progress")
async def progress(request: PageRequest) -> Response:
    """The same, as a part of its page."""
    return request.render("replay_progress.html", job=_job(request), subject_url=subject_url)


@REPLAY.post("/jobs/{id}/cancel")
async def cancel(request: PageRequest) -> Response:
    """End it."""
    job = _job(request)
    _jobs(request).cancel(job.id)
    return request.redirect(f"{REPLAY.url}/jobs/{job.id}", request.text("It is being cancelled."))


def _job(request: PageRequest) -> ReplayJob:
    job = _jobs(request).find(request.path("id"))
    if job is None:
        raise HTTPException(404, request.text("There is no such replay, or no more."))
    return job
