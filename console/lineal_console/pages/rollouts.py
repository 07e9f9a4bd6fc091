"""Rollouts of models to devices: asked for, followed, paused and ended."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, cast, get_args

from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.store.connection import Connection
from lineal_catalog.models.queries import list_models
from lineal_console.messages import DEVICE_JOB_STATES
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.pages.fleet import FLEET
from lineal_consumers.deploy.rollout_list import (
    ControlAction,
    UnknownRollout,
    control_rollout,
    find_all,
    find_jobs,
    find_rejected,
    find_rollout,
)
from lineal_consumers.deploy.rollout_request import (
    ALL,
    CANARY,
    Targets,
    key_problem,
    model_to_roll_out,
    request_rollout,
    rings_of,
    targets,
)
from lineal_schemas.deployments import Ring, RolloutPlan

ROLLOUTS = Page("fleet/rollouts", "Rollout")
_SOURCE = "lineal:console/fleet"
_MAX_READINGS = 1_000_000
_SHOWN = 200


@ROLLOUTS.get("/new", act="deploy")
async def choose(request: PageRequest) -> Response:
    """A form to ask for one: the model, and which devices it would reach and which not."""
    found = await request.runtime.store.read(list_models)
    # Only what scores readings or photos has a threshold, and only that goes to devices.
    models = [
        info.known.name
        for info in found
        if info.status == "in use" and info.training and info.training.threshold is not None
    ]
    name = request.query("model") or (models[0] if len(models) == 1 else "")
    values: dict[str, Any] = {"model": None, "reached": None, "rings": ()}
    if name:
        model = await model_to_roll_out(request.runtime, name)
        reached = await targets(request.runtime, model, _where(request.query("where")))
        values = {
            "model": model,
            "reached": reached,
            "rings": rings_of(reached, {}, {}) if reached.devices else (),
        }
    return request.render(
        "rollout_new.html",
        models=models,
        where=request.query("where"),
        shadow=RolloutPlan.model_fields["shadow_readings"].default,
        soak=RolloutPlan.model_fields["soak_readings"].default,
        problem=key_problem(request.runtime.settings),
        shown=_SHOWN,
        **values,
    )


@ROLLOUTS.post("/new", act="deploy")
async def start(request: PageRequest) -> Response:
    """Ask for it."""
    form = await request.form()
    model = await model_to_roll_out(request.runtime, str(form.get("model", "")))
    if str(model.version) != form.get("version"):
        raise HTTPException(409, request.text("Another version is in use meanwhile."))
    reached = await targets(request.runtime, model, _where(str(form.get("where", ""))))
    share = _number(str(form.get("may_fail", "10")), 100) / 100
    rings = _rings(reached, str(form.get("first", "")).strip(), share)
    plan = RolloutPlan(
        rings=rings,
        shadow_readings=_number(str(form.get("shadow", "200")), _MAX_READINGS),
        soak_readings=_number(str(form.get("soak", "400")), _MAX_READINGS),
    )
    await request_rollout(request.runtime, model, plan, by=request.credential, source=_SOURCE)
    return request.redirect(f"{FLEET.url}#rollouts", request.text("The deploy stage is asked."))


@ROLLOUTS.get("/{id}")
async def rollout(request: PageRequest) -> Response:
    """One rollout with its rings and devices."""
    wanted = request.path("id")

    def look(connection: Connection) -> dict[str, Any]:
        chosen = find_rollout(find_all(connection), wanted, find_rejected(connection))
        return {"rollout": chosen, "jobs": find_jobs(connection, chosen)}

    try:
        found = await request.runtime.store.read(look)
    except UnknownRollout as error:
        raise request.missing(str(error)) from error
    return request.render("rollout.html", device_job_states=DEVICE_JOB_STATES, **found)


@ROLLOUTS.post("/{id}/control", act="deploy")
async def control(request: PageRequest) -> Response:
    """Pause a rollout, go on with it, or end it."""
    form = await request.form()
    action = str(form.get("action", ""))
    if action not in get_args(ControlAction):
        raise HTTPException(400, f"an action is one of {', '.join(get_args(ControlAction))}")
    wanted = request.path("id")
    chosen = await request.runtime.store.read(lambda c: find_rollout(find_all(c), wanted))
    await control_rollout(
        request.runtime,
        chosen,
        cast(ControlAction, action),
        str(form.get("reason", "")).strip() or None,
        by=request.credential,
        source=_SOURCE,
    )
    return request.redirect(
        f"{ROLLOUTS.url}/{chosen.rollout_id}", request.text("The deploy stage is asked.")
    )


def _rings(reached: Targets, first: str, may_fail: float) -> tuple[Ring, ...]:
    """The devices that are named, then the others; a tenth of all first where none is named."""
    if not first:
        return rings_of(reached, {}, {ALL: may_fail})
    patterns = [name.strip() for name in first.split(",")]
    others = any(
        not any(fnmatchcase(device, pattern) for pattern in patterns) for device in reached.devices
    )
    wanted = {CANARY: ",".join(patterns)} | ({ALL: "*"} if others else {})
    return rings_of(reached, wanted, {ALL: may_fail})


def _where(text: str) -> dict[str, str]:
    """What attributes have to be, of ``site=berlin kind=pump``.

    Raises:
        HTTPException: 400, a part has no ``=``.
    """
    found = {}
    for part in text.split():
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise HTTPException(400, f"{part!r} is no attribute with its value, as site=berlin is")
        found[name] = value
    return found


def _number(text: str, maximum: int) -> int:
    """
    Raises:
        HTTPException: 400, it is no whole number, or one above ``maximum``.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > maximum:
        raise HTTPException(400, f"{text[:40]!r} is no whole number from 0 to {maximum}")
    return int(text)
