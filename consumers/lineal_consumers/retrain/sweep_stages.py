"""The stages of sweeps: one chooses settings, the other measures them, on as many workers as there
are. A run is an event for each fold: a worker that dies repeats that fold alone."""

from __future__ import annotations

from lineal import Context, Reject, stage
from lineal.stages.declaration import WORKER_LANES
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.sweep_state import (
    STEPS,
    Run,
    SweepState,
    propose,
    run_count,
    should_prune,
)
from lineal_consumers.retrain.training_step import files_of, settings_for
from lineal_learning.gates import score_of
from lineal_learning.registry import learner_of
from lineal_learning.running import evaluate_settings
from lineal_learning.splits import folds_of
from lineal_schemas.models import DatasetManifest, ModelDataset
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.sweeps import (
    SweepBest,
    SweepRequested,
    SweepStepFinished,
    SweepStepRequested,
    SweepStopped,
)

_TRIES = 10
"""Seconds that a sweep waits for a dataset to be handled."""
_SECOND_US = 1_000_000


@stage(
    "sweep",
    version="1",
    produces=(SweepStepRequested, SweepBest),
    section="retrain",
    memo=False,
)
async def sweep(request: SweepRequested, ctx: Context[RetrainConfig]) -> list[Payload]:
    """Begin a sweep on the training part of the model's newest dataset."""
    settings = settings_for(request.name, ctx.config)
    if not request.settings:
        raise Reject("a sweep varies at least one setting")
    for setting in request.settings.values():
        if request.method == "grid" and not setting.values:
            raise Reject("a grid needs values for each setting, not ranges")
        if not setting.values and (setting.low is None or setting.high is None):
            raise Reject("a setting is varied over values, or between low and high")
    unknown = sorted(set(request.settings) - set(type(settings).model_fields))
    if unknown:
        raise Reject(f"models of kind {settings.kind} have no setting {', '.join(unknown)}")
    manifest = await ctx.state.get(f"manifest/{request.name}", ObjectRef)
    key = f"waiting/{request.sweep_id}"
    if manifest is None:
        # Datasets come over another topic: one that is there may not have been handled yet.
        tries = (await ctx.state.get(key, int) or 0) + 1
        if tries <= _TRIES:
            await ctx.state.put(key, tries)
            ctx.timers.set(key, ctx.now() + _SECOND_US, request)
            ctx.annotate(model=request.name, waits="for a dataset")
            return []
        raise Reject(
            f"there is no dataset of {request.name} yet: `lineal model train {request.name}`"
        )
    await ctx.state.delete(key)
    return await _go_on(SweepState(request=request, manifest=manifest), ctx)


@sweep.on
async def remember_dataset(dataset: ModelDataset, ctx: Context[RetrainConfig]) -> None:
    """Remember what there is to learn from."""
    await ctx.state.put(f"manifest/{dataset.name}", dataset.manifest)


@sweep.on
async def step_finished(done: SweepStepFinished, ctx: Context[RetrainConfig]) -> list[Payload]:
    """Go on with a run, prune it, or begin another."""
    state = await ctx.state.get(f"sweep/{done.sweep_id}", SweepState)
    if state is None or state.over or done.run >= len(state.runs):
        return []
    run = state.runs[done.run]
    if run.state is not None or done.step != len(run.scores):
        return []  # a step that was handled again
    if done.score is None:
        return await _go_on(
            state.with_run(done.run, run.model_copy(update={"state": "failed"})), ctx
        )
    run = run.model_copy(update={"scores": (*run.scores, done.score)})
    state = state.with_run(done.run, run)
    if len(run.scores) == STEPS:
        run = run.model_copy(update={"state": "finished"})
    elif should_prune(state, done.run):
        run = run.model_copy(update={"state": "pruned"})
    else:
        await ctx.state.put(f"sweep/{done.sweep_id}", state)
        return [_step(state, done.run)]
    return await _go_on(state.with_run(done.run, run), ctx)


@sweep.on
async def stopped(stop: SweepStopped, ctx: Context[RetrainConfig]) -> list[Payload]:
    """Begin no further run."""
    state = await ctx.state.get(f"sweep/{stop.sweep_id}", SweepState)
    if state is None or state.over:
        return []
    return await _go_on(state.model_copy(update={"stopped": True}), ctx)


async def _go_on(state: SweepState, ctx: Context[RetrainConfig]) -> list[Payload]:
    """Begin as many runs as may go side by side, or end the sweep."""
    request = state.request
    events: list[Payload] = []
    while (
        not state.stopped
        and len(state.runs) < run_count(request)
        and state.running < request.parallel
    ):
        state = state.model_copy(update={"runs": (*state.runs, Run(values=propose(state)))})
        events.append(_step(state, len(state.runs) - 1))
    best = state.best
    if not state.running:
        state = state.model_copy(update={"over": True})
        states = [run.state for run in state.runs]
        ctx.annotate(model=request.name, runs=len(states), pruned=states.count("pruned"))
        if best is not None:
            events.append(
                SweepBest(
                    sweep_id=request.sweep_id,
                    name=request.name,
                    run=best,
                    values=state.runs[best].values,
                    score=state.runs[best].mean,
                    finished=states.count("finished"),
                    pruned=states.count("pruned"),
                    failed=states.count("failed"),
                    stopped=state.stopped,
                    begins_iteration=request.begins_iteration and not state.stopped,
                )
            )
    await ctx.state.put(f"sweep/{request.sweep_id}", state)
    return events


def _step(state: SweepState, number: int) -> SweepStepRequested:
    run = state.runs[number]
    return SweepStepRequested(
        sweep_id=state.request.sweep_id,
        name=state.request.name,
        run=number,
        step=len(run.scores),
        steps=STEPS,
        values=run.values,
        manifest=state.manifest,
    )


@stage(
    "sweep.run",
    version="1",
    produces=SweepStepFinished,
    section="retrain",
    lanes=WORKER_LANES,
)
async def measure(step: SweepStepRequested, ctx: Context[RetrainConfig]) -> SweepStepFinished:
    """Learn from all folds but one with a run's settings, and measure on that."""
    settings = settings_for(step.name, ctx.config)
    data = await ctx.objects.get(step.manifest, role="dataset")
    fold = folds_of(DatasetManifest.model_validate_json(data), step.steps)[step.step]
    files = await files_of((*fold.train, *fold.calibration, *fold.test), ctx)
    measured = SweepStepFinished(
        sweep_id=step.sweep_id, name=step.name, run=step.run, step=step.step, score=None
    )
    try:
        chosen = settings.changed(step.values)
        metrics = await ctx.run(
            evaluate_settings,
            fold.model_dump_json().encode(),
            files,
            chosen,
            seconds=ctx.config.seconds,
        )
    except (Reject, ValueError) as error:
        return measured.model_copy(update={"problem": str(error)[:500]})
    gates = learner_of(settings.kind).gates(chosen)
    ctx.annotate(model=step.name, run=step.run, step=step.step)
    return measured.model_copy(update={"score": score_of(gates, metrics), "metrics": metrics})
