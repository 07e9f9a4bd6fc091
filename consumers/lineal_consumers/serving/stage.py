"""The stages of serving: packages are made and tested, and versions get their shares."""

from __future__ import annotations

from functools import partial

from lineal import Context, stage
from lineal.store.objects import reference
from lineal_catalog.models.promotions import model_in_use
from lineal_catalog.serving.queries import serving_of
from lineal_consumers.serving.config import ServingConfig, rules_for
from lineal_consumers.serving.package import InUse, make_package
from lineal_consumers.serving.rollout import (
    Change,
    RolloutState,
    after_control,
    after_measures,
    after_tests,
)
from lineal_schemas.models import ModelPromoted, ModelRef, ModelRolledBack
from lineal_schemas.payload import Payload
from lineal_schemas.serving import (
    ServingCanaryStarted,
    ServingCompleted,
    ServingControl,
    ServingMeasured,
    ServingPackage,
    ServingPaused,
    ServingRequested,
    ServingResumed,
    ServingRolledBack,
    ServingShadowStarted,
    ServingTested,
)


@stage("serving.test", version="1", produces=ServingTested, section="serving", memo=False)
async def test(
    change: ModelPromoted | ModelRolledBack, ctx: Context[ServingConfig]
) -> ServingTested | None:
    """Package and test the very model that goes into use, where its name is served."""
    if await ctx.state.get(f"served/{change.name}", bool) is None:
        ctx.skip("nobody serves models of this name")
        return None
    back = isinstance(change, ModelRolledBack)
    cause = "rolled_back" if back else "promoted"
    return await make_package(
        InUse(change.model, change.artifact, change.by, cause),  # type: ignore[arg-type]
        ctx,
    )


@test.on
async def requested(request: ServingRequested, ctx: Context[ServingConfig]) -> ServingTested | None:
    """From now on a name is served: what is in use is tested, unless it answers already."""
    await ctx.require("deploy")
    await ctx.state.put(f"served/{request.name}", True)
    in_use = await ctx.query(partial(model_in_use, name=request.name))
    if in_use is None:
        ctx.skip("no version is in use yet")
        return None
    known = await ctx.query(partial(serving_of, name=request.name))
    for served in () if known is None else (known.stable, known.candidate):
        if served is None:
            continue
        package = ServingPackage.model_validate_json(
            await ctx.objects.get(served.package, role="package")
        )
        if package.model.sha256 == in_use.sha256:
            ctx.skip("it is served already")
            return None
    return await make_package(
        InUse(
            ModelRef(name=in_use.name, version=in_use.version, sha256=in_use.sha256),
            reference(in_use.sha256, in_use.bytes, in_use.media_type),
            request.by,
            "requested",
        ),
        ctx,
    )


@stage(
    "serving",
    version="1",
    produces=(
        ServingShadowStarted,
        ServingCanaryStarted,
        ServingRolledBack,
        ServingCompleted,
        ServingPaused,
        ServingResumed,
    ),
    memo=False,
)
async def serving(tested: ServingTested, ctx: Context[ServingConfig]) -> list[Payload]:
    """Begin to try a version that has passed its tests."""
    rules = rules_for(ctx.config, tested.name)
    return await _keep(tested.name, after_tests(await _state(tested.name, ctx), tested, rules), ctx)


@serving.on
async def measured(report: ServingMeasured, ctx: Context[ServingConfig]) -> list[Payload]:
    """Look at how a version does: it gets its next share, or no request any more."""
    await ctx.require("deploy")
    rules = rules_for(ctx.config, report.name)
    change = after_measures(await _state(report.name, ctx), report, rules)
    return await _keep(report.name, change, ctx)


@serving.on
async def controlled(control: ServingControl, ctx: Context[ServingConfig]) -> list[Payload]:
    """Pause, resume or abort a rollout."""
    await ctx.require("deploy")
    rules = rules_for(ctx.config, control.name)
    change = after_control(await _state(control.name, ctx), control, rules)
    return await _keep(control.name, change, ctx)


async def _state(name: str, ctx: Context[ServingConfig]) -> RolloutState:
    return await ctx.state.get(f"rollout/{name}", RolloutState) or RolloutState()


async def _keep(name: str, change: Change, ctx: Context[ServingConfig]) -> list[Payload]:
    """Keep the state; where it has changed for those who ask, the record says how."""
    state = change.state
    await ctx.state.put(f"rollout/{name}", state)
    if not change.what:
        if change.ignored:
            ctx.skip(change.ignored)
        return []
    ctx.record_kind = "serve"
    for role, served in (("stable", state.stable), ("candidate", state.candidate)):
        if served is not None:
            ctx.objects.add_input(served.package, role)
    ctx.annotate(
        model=name,
        what=change.what,
        version=change.version,
        reason=change.reason,
        rollout=state.rollout_id,
        phase=state.phase,
        share=f"{state.share(rules_for(ctx.config, name)):g}",
        step=state.step,
        paused=int(state.paused),
        stable_version=0 if state.stable is None else state.stable.model.version,
        candidate_version=0 if state.candidate is None else state.candidate.model.version,
    )
    return list(change.events)
