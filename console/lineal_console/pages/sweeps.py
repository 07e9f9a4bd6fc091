"""Sweeps: settings of models that are tried side by side, the best first."""

from __future__ import annotations

from starlette.responses import Response

from lineal_catalog.models.queries import model_names
from lineal_catalog.sweeps.sweeps import SweepRun, UnknownSweep, find_sweep, list_sweeps, stop_sweep
from lineal_console.page import Page
from lineal_console.page_request import PageRequest

SWEEPS = Page("sweeps", "Sweeps", section="models", order=40)
_SOURCE = "lineal:console/sweeps"
_MOST = 200


@SWEEPS.get()
async def sweeps(request: PageRequest) -> Response:
    """All sweeps, or those of a model; the newest first."""
    found = await list_sweeps(request.runtime)
    model = request.query("model")
    return request.render(
        "sweeps.html",
        sweeps=[one for one in found if model in ("", one.request.name)][:_MOST],
        models=sorted({one.request.name for one in found}),
        model=model,
    )


@SWEEPS.get("/{id}")
async def sweep(request: PageRequest) -> Response:
    """The runs of a sweep, that with the best score first."""
    try:
        found = await find_sweep(request.runtime, request.path("id"))
    except UnknownSweep as error:
        raise request.missing(str(error)) from error
    return request.render(
        "sweep.html",
        sweep=found,
        runs=sorted(found.runs, key=_rank),
        trained=found.request.name in await request.runtime.store.read(model_names),
    )


def _rank(run: SweepRun) -> tuple[bool, float, int]:
    """Complete runs come first: the mean of fewer folds says less."""
    score = run.score
    return run.state != "finished", -(float("-inf") if score is None else score), run.run


@SWEEPS.post("/{id}/stop", act="promote")
async def stop(request: PageRequest) -> Response:
    """Begin no further run."""
    try:
        stopped = await stop_sweep(request.runtime, request.path("id"), request.credential, _SOURCE)
    except UnknownSweep as error:
        raise request.missing(str(error)) from error
    return request.redirect(
        f"{SWEEPS.url}/{stopped.sweep_id}", request.text("No further run is begun.")
    )
