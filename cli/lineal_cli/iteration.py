"""Requests an iteration or an evaluation of a model, and waits for its outcome."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from lineal_cli.options import CommandFailed
from lineal_schemas.models import (
    EvaluationTarget,
    ExpectedExamples,
    ModelDataset,
    ModelEvaluated,
    ModelTrained,
    ModelTrainingRequested,
)

if TYPE_CHECKING:
    from lineal.runtime import Runtime

_POLL_SECONDS = 0.5
_SOURCE = "lineal:cli/model"


async def request_iteration(
    runtime: Runtime,
    name: str,
    target: EvaluationTarget | None = None,
    examples: ExpectedExamples | None = None,
) -> str:
    """Ask for an iteration, or only for a model to be evaluated; the id of the event that asks.

    Args:
        examples: the iteration begins when these are known.
    """
    from lineal.access.senders import require_acting
    from lineal.acts import publish_acts
    from lineal.observability.tracing import first_traceparent
    from lineal_schemas.envelope import first_event, now_us
    from lineal_schemas.ids import arrival_id

    by = (await require_acting(runtime.store, "promote")).actor
    now = now_us()
    request = ModelTrainingRequested(
        name=name,
        cause="manual",
        by=by,
        requested_us=now,
        evaluate=target,
        examples=examples,
    )
    act = "train" if target is None else f"evaluate {target.model.version}"
    identifier = arrival_id(_SOURCE, "", f"{act} {name} {by} {now}")
    event = first_event(
        request,
        id=identifier,
        source=_SOURCE,
        actor=by,
        traceparent=first_traceparent(identifier, identifier),
    )
    await publish_acts(runtime, [event])
    return identifier


async def check_known(runtime: Runtime, name: str) -> None:
    """Refuse a model that neither the settings here name, nor anything was ever known of.

    The stages may run elsewhere, with settings of their own: what has examples, a dataset or a
    version is theirs.

    Raises:
        CommandFailed: see above.
    """
    from lineal_consumers.retrain.config import RetrainConfig
    from lineal_schemas.models import ModelExample

    section = runtime.settings.stages.get("retrain", {})
    models = RetrainConfig.model_validate(section).models
    if name in models:
        return
    for kind in (ModelTrained, ModelDataset, ModelExample):
        if await _of(runtime, kind, name):
            return
    raise CommandFailed(
        f"no model is called {name}: there are {', '.join(sorted(models))}; others are described "
        "in the settings, under [stages.retrain.models]"
    )


async def outcome_of(runtime: Runtime, name: str, cause: str, seconds: float) -> dict[str, Any]:
    """The dataset of the iteration that an event requested, and the evaluations.

    Raises:
        CommandFailed: it takes longer.
    """
    try:
        async with asyncio.timeout(seconds):
            while True:
                dataset = next(
                    (d for d in await _of(runtime, ModelDataset, name) if d.cause == cause), None
                )
                if dataset is not None:
                    evaluated = await _evaluated(runtime, dataset)
                    if evaluated is not None:
                        return {
                            "dataset": dataset.model_dump(mode="json"),
                            "evaluated": [item.model_dump(mode="json") for item in evaluated],
                        }
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        from lineal_catalog.models.asked import waiting_for

        awaited = await runtime.store.read(lambda connection: waiting_for(connection, name))
        why = "`lineal dead list` shows what failed" if awaited is None else f"waits for: {awaited}"
        raise CommandFailed(f"no outcome within {seconds:g} s: {why}") from None


async def evaluation_of(
    runtime: Runtime, name: str, request_id: str, seconds: float
) -> ModelEvaluated:
    """The evaluation that an event requested.

    Raises:
        CommandFailed: it takes longer.
    """
    try:
        async with asyncio.timeout(seconds):
            while True:
                for item in await _of(runtime, ModelEvaluated, name):
                    if item.requested_by == request_id:
                        return cast(ModelEvaluated, item)
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise CommandFailed(
            f"no evaluation within {seconds:g} s: is a daemon running the retrain stages "
            "(`lineal up`)? `lineal dead list` shows what failed. It stays asked for: "
            "--recorded shows it once it is there"
        ) from None


async def _evaluated(runtime: Runtime, dataset: ModelDataset) -> list[ModelEvaluated] | None:
    """The evaluations that follow from a dataset; None while they are not there."""
    if dataset.case == "nothing_new":
        return []
    found = [
        item
        for item in await _of(runtime, ModelEvaluated, dataset.name)
        if item.dataset == dataset.dataset and item.requested_by is None
    ]
    if dataset.case == "only_test":
        return found or None
    trained = [
        item
        for item in await _of(runtime, ModelTrained, dataset.name)
        if item.iteration == dataset.iteration
    ]
    wanted = trained[0].challengers if trained else 1
    return found if len(found) >= wanted else None


async def _of(runtime: Runtime, kind: Any, name: str) -> list[Any]:
    from lineal.bus.protocol import Selection
    from lineal.errors import UnknownTopic
    from lineal.events_on_topic import read_admitted
    from lineal_schemas.envelope import decode

    try:
        found = read_admitted(runtime, kind.type, Selection(key=name))
        return [decode(delivery.event).data async for delivery in found]
    except UnknownTopic:
        return []
