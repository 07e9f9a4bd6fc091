"""Trained models: versions side by side, what they learnt from, promotion and the way back."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from starlette.responses import Response

from lineal.errors import ObjectMissing
from lineal.stages.discovery import installed_stages
from lineal.store.connection import Connection
from lineal_catalog.models.acts import promote, roll_back
from lineal_catalog.models.asked import waiting_for
from lineal_catalog.models.card import ModelCard, model_card
from lineal_catalog.models.promotions import promotions_of
from lineal_catalog.models.queries import ModelInfo, find_model, list_models
from lineal_catalog.models.reasons import reasons_of_changes
from lineal_catalog.serving.queries import serving_of, serving_steps
from lineal_console.model_drifts import drifts_of
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_schemas.objects import ObjectRef

PREVIEWED = 200
"""Events that a preview of a version looks at, at most."""

_DRIFTS = 20
"""Shown of a model, the newest."""

MODELS = Page("models", "Models", section="models", order=10)


@MODELS.get()
async def models(request: PageRequest) -> Response:
    """All models with the version that is in use."""
    found = await request.runtime.store.read(list_models)
    groups = [
        (name, list(infos)) for name, infos in groupby(found, key=lambda info: info.known.name)
    ]
    return request.render("models.html", groups=groups)


@MODELS.get("/{name}")
async def model(request: PageRequest) -> Response:
    """One model: its versions with their evaluations, side by side."""
    name = request.path("name")

    def look(connection: Connection) -> dict[str, Any]:
        find_model(connection, name)
        infos = list_models(connection, name)
        return {
            "infos": infos[::-1],
            "changes": promotions_of(connection, name)[::-1],
            "awaited": waiting_for(connection, name),
            "serving": serving_of(connection, name),
            "serving_steps": serving_steps(connection, name),
        }

    found = await request.runtime.store.read(look)
    cards = {info.known.version: await _card(request, info) for info in found["infos"][:8]}
    metrics = sorted({key for info in found["infos"] for key in _metrics(info)})
    return request.render(
        "model.html",
        name=name,
        metrics=metrics,
        metrics_of=_metrics,
        cards=cards,
        used_by=_stages_with(request, name),
        drifts=await drifts_of(request.runtime, name, _DRIFTS),
        reasons=await reasons_of_changes(request.runtime, name),
        previewed=PREVIEWED,
        **found,
    )


@MODELS.post("/{name}/promote", act="promote")
async def put_in_use(request: PageRequest) -> Response:
    """Put a version into use."""
    form = await request.form()
    name, version = request.path("name"), int(str(form.get("version", "0")))
    info = await request.runtime.store.read(lambda c: find_model(c, name, version))
    reason = str(form.get("reason", "")).strip() or None
    await promote(request.runtime, info, reason, by=request.credential)
    return request.redirect(
        f"{MODELS.url}/{name}",
        request.text("Version %(version)s is in use.", version=version),
    )


@MODELS.post("/{name}/rollback", act="promote")
async def go_back(request: PageRequest) -> Response:
    """Go back to the version that was in use before."""
    name = request.path("name")
    reason = str((await request.form()).get("reason", "")).strip() or "rolled back on the page"
    change = await roll_back(request.runtime, name, reason, by=request.credential)
    return request.redirect(
        f"{MODELS.url}/{name}",
        request.text("Version %(version)s is in use again.", version=change.model.version),
    )


def _stages_with(request: PageRequest, name: str) -> list[str]:
    """Stages whose outputs depend on which version of a model is in use."""
    return sorted(
        stage.name
        for stage in installed_stages().values()
        if stage.in_use is not None and name in stage.in_use(request.runtime.config_of(stage))
    )


def _metrics(info: ModelInfo) -> dict[str, float]:
    """The figures of the newest evaluation, flat."""
    found: dict[str, float] = {}
    for key, value in ((info.evaluation or {}).get("metrics") or {}).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[key] = value
    return found


async def _card(request: PageRequest, info: ModelInfo) -> ModelCard | None:
    """What is known of what it learnt from; None where that was erased."""
    training = info.training
    if training is None:
        return None
    manifest = await _object(request, training.manifest)
    settings = await _object(request, training.settings)
    return await request.runtime.store.read(lambda c: model_card(c, info, manifest, settings))


async def _object(request: PageRequest, ref: ObjectRef | None) -> bytes | None:
    if ref is None:
        return None
    try:
        return await request.runtime.objects.get(ref)
    except ObjectMissing:
        return None
