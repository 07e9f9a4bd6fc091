"""Makes a package of the very model that went into use, and tests it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from lineal import Context
from lineal.errors import LinealError, ObjectMissing
from lineal.workers.costs import Cost
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
from lineal_catalog.models.golden import recorded_golden
from lineal_catalog.serving.queries import serving_of
from lineal_consumers.serving.config import ServingConfig, ServingRules, rules_for
from lineal_learning.trial import Trial, try_model
from lineal_schemas.ids import rollout_id
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.serving import ServingCheck, ServingPackage, ServingTested

_JSON = "application/json"
_MB = 1_000_000
_PATIENCE = 5
"""Seconds by the clock for each of processor time."""
_ALIKE = 0.1
"""Error that is let pass where the truth of all golden samples is the same."""


class InUse(NamedTuple):
    """A model that has just gone into use."""

    model: ModelRef
    artifact: ObjectRef
    by: str
    cause: Literal["requested", "promoted", "rolled_back"]


async def make_package(used: InUse, ctx: Context[ServingConfig]) -> ServingTested:
    """Test this model and no other: not the newest of its name, nor the one in use by now."""
    rules = rules_for(ctx.config, used.model.name)
    ctx.record_kind = "test"
    ctx.objects.add_input(used.artifact, "model")
    checks = [_size(used.artifact, rules)]
    package = None
    if checks[0].passed:
        golden = await ctx.query(lambda c: recorded_golden(c, used.model.sha256))
        if golden is None or not await _is_stored(golden, ctx):
            checks.append(_failed(
                "golden", "no golden samples are recorded of it: `lineal model evaluate "
                f"{used.model.name} {used.model.version}` records them; then restart `lineal "
                f"serve {used.model.name}`",
            ))  # fmt: skip
        else:
            found, trial = await _tried(used.artifact, golden, rules, ctx)
            checks += found
            if trial is not None:
                checks.append(await _beside_stable(used.model, golden, trial, rules, ctx))
                made = ServingPackage(
                    model=used.model, artifact=used.artifact, golden=golden, inputs=trial.inputs,
                    outputs=trial.outputs, score=trial.score,
                )  # fmt: skip
                package = await ctx.objects.put(
                    made.model_dump_json().encode(), _JSON, role="package"
                )
    failed = [check.name for check in checks if not check.passed]
    ctx.annotate(
        model=used.model.name,
        version=used.model.version,
        what="tested" if not failed else "refused",
        reason=", ".join(failed),
    )
    return ServingTested(
        name=used.model.name,
        rollout_id=rollout_id(used.model.sha256, ctx.event.id),
        model=used.model,
        cause=used.cause,
        passed=not failed and package is not None,
        checks=tuple(checks),
        package=package,
        by=used.by,
    )


async def _is_stored(golden: ObjectRef, ctx: Context[ServingConfig]) -> bool:
    """False: they were erased with what they were chosen from."""
    try:
        await ctx.objects.path(golden, role="golden")
    except ObjectMissing:
        return False
    return True


async def _tried(
    artifact: ObjectRef, golden: ObjectRef, rules: ServingRules, ctx: Context[ServingConfig]
) -> tuple[list[ServingCheck], Trial | None]:
    """How the model answers its golden samples, in a worker process that may be killed."""
    try:
        trial = await _trial(artifact, golden, rules, ctx)
    except WorkerTimeout as error:
        return [_failed("time", f"it hangs: not through after {error.spent}")], None
    except (WorkerOutOfMemory, MemoryError):
        return [_failed("memory", "it needs more memory than a worker process has")], None
    except WorkerCrashed as error:
        return [_failed("load", f"its process died: {error}")], None
    except LinealError as error:
        return [_failed("load", str(error))], None
    if trial.problem:
        return [_failed("schema", trial.problem)], None
    return [
        ServingCheck(name="schema", value=1, limit=1, rule="at_least", passed=True),
        _at_most("golden", trial.deviation, rules.max_deviation,
                 "it does not answer what it answered when it was evaluated"),
        # Where all truths are alike, knowing nothing costs nothing.
        _at_most("truth", trial.error, rules.max_error * trial.naive_error or _ALIKE,
                 "knowing nothing is as good"),
        _at_most("latency_ms", trial.latency_ms, rules.max_latency_ms, "it is too slow"),
        _at_most("grown_mb", trial.grown_mb, rules.max_grown_mb, "it keeps memory"),
    ], trial  # fmt: skip


async def _beside_stable(
    model: ModelRef,
    golden: ObjectRef,
    trial: Trial,
    rules: ServingRules,
    ctx: Context[ServingConfig],
) -> ServingCheck:
    """Its error on the golden samples beside that of the version which answers now."""
    known = await ctx.query(lambda c: serving_of(c, model.name))
    error = None
    if known is not None and known.stable is not None:
        package = ServingPackage.model_validate_json(
            await ctx.objects.get(known.stable.package, role="stable")
        )
        if package.model.sha256 != model.sha256:
            try:
                beside = await _trial(package.artifact, golden, rules, ctx)
            except LinealError:
                beside = None
            if beside is not None and not beside.problem:
                error = beside.error
    if error is None:
        return ServingCheck(name="beside_stable", value=trial.error, limit=trial.error, passed=True)
    room = 0.02 * max(trial.naive_error, 1e-9)
    return _at_most("beside_stable", trial.error, rules.max_error_growth * error + room,
                    "the version that answers now is nearer to the truth")  # fmt: skip


async def _trial(
    artifact: ObjectRef, golden: ObjectRef, rules: ServingRules, ctx: Context[ServingConfig]
) -> Trial:
    file = await ctx.objects.path(artifact, role="model")
    samples = await ctx.objects.path(golden, role="golden")
    return await ctx.run(
        try_model,
        file,
        artifact.media_type,
        samples,
        rules.runs,
        # Of processor time: a model is not to fail because others keep the machine busy.
        seconds=rules.test_seconds * _PATIENCE,
        cost=Cost("serving", limit=rules.test_seconds),
    )


def _size(artifact: ObjectRef, rules: ServingRules) -> ServingCheck:
    return _at_most("size_mb", artifact.bytes / _MB, rules.max_mb, "its file is too large")


def _at_most(name: str, value: float, limit: float, message: str) -> ServingCheck:
    passed = value <= limit
    value, limit = min(value, 1e300), min(limit, 1e300)
    return ServingCheck(
        name=name, value=value, limit=limit, passed=passed, message="" if passed else message
    )


def _failed(name: str, message: str) -> ServingCheck:
    return ServingCheck(
        name=name, value=0, limit=1, rule="at_least", passed=False, message=message[:500]
    )
