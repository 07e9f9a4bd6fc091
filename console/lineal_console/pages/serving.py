"""Models that answer requests: which version answers, which is tried, and how they do."""

from __future__ import annotations

from typing import cast, get_args

from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.events_on_topic import events_on_topic
from lineal_catalog.serving.control import ServingAction, control_serving
from lineal_catalog.serving.queries import list_serving, serving_of, serving_steps
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_schemas.serving import ServingMeasured, ServingTested

SERVING = Page("serving", "Serving", section="models", order=50)
_SOURCE = "lineal:console/serving"
_STEPS = 100
_TESTS = 5


@SERVING.get()
async def served(request: PageRequest) -> Response:
    """All models that are served."""
    return request.render("serving.html", models=await request.runtime.store.read(list_serving))


@SERVING.get("/{name}")
async def model(request: PageRequest) -> Response:
    """One model: what answers, what is tried, the tests, and what has happened."""
    name = request.path("name")
    found = await request.runtime.store.read(lambda c: serving_of(c, name))
    steps = await request.runtime.store.read(lambda c: serving_steps(c, name, _STEPS))
    if found is None and not steps:
        raise request.missing(request.text("No model of this name is served."))
    tested = [e.data async for e in events_on_topic(request.runtime, ServingTested, name)]
    measured: ServingMeasured | None = None
    if found is not None and found.candidate is not None:
        async for event in events_on_topic(request.runtime, ServingMeasured, name):
            if event.data.rollout_id == found.rollout_id:
                measured = event.data
    return request.render(
        "served_model.html", name=name, serving=found, steps=steps,
        tested=tested[: -_TESTS - 1 : -1], measured=measured,
    )  # fmt: skip


@SERVING.post("/{name}/control", act="deploy")
async def control(request: PageRequest) -> Response:
    """Pause a rollout, go on with it, or end it."""
    form, name = await request.form(), request.path("name")
    action = str(form.get("action", ""))
    if action not in get_args(ServingAction):
        raise HTTPException(400, f"an action is one of {', '.join(get_args(ServingAction))}")
    await control_serving(
        request.runtime,
        name,
        cast(ServingAction, action),
        str(form.get("reason", "")).strip() or None,
        request.credential,
        _SOURCE,
    )
    return request.redirect(f"{SERVING.url}/{name}", request.text("The serving stage is asked."))
