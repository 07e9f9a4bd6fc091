"""The stages of tables: features are made, models asked for, entities scored."""

from __future__ import annotations

import asyncio
from typing import Literal

from lineal import Context, Reject, stage
from lineal.store.objects import reference
from lineal_catalog.tables.predictions import HIGHEST, PredictionSummary
from lineal_consumers.tables.config import TablesConfig, model_names
from lineal_schemas.models import (
    DatasetItem,
    ExpectedExamples,
    ModelExample,
    ModelPromoted,
    ModelRef,
    ModelRolledBack,
    ModelTrainingRequested,
)
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.tables import (
    FeatureBucket,
    PredictionAnswered,
    PredictionAsked,
    PredictionMade,
    TableArrived,
    TableFeatures,
)

_MEDIA_TYPE = "application/x-npz"


@stage(
    "tables",
    version="2",
    produces=(TableFeatures, ModelExample, ModelTrainingRequested),
    memo=False,
)
async def tables(table: TableArrived, ctx: Context[TablesConfig]) -> list[Payload]:
    """Make features of a table's entities, hand them to the models that learn from it, and ask for
    an iteration when it is due or the population has changed."""
    # NumPy and pyarrow are imported where they are first needed.
    from lineal_consumers.tables.definition import read_definition
    from lineal_consumers.tables.table_features import make_features

    definition = await ctx.objects.get(table.definition, role="definition")
    declared = read_definition(definition)
    path = await ctx.objects.path(table.content, role="table")
    made = await ctx.run(
        make_features, path, definition, table.as_of_us, seconds=ctx.config.seconds
    )
    models = ctx.config.models.get(table.table, ())
    events: list[Payload] = []
    buckets = []
    for bucket in made.buckets:
        content = await ctx.objects.put(bucket.to_score, _MEDIA_TYPE, role="features")
        buckets.append(FeatureBucket(bucket=bucket.number, rows=bucket.score_rows, content=content))
        if not bucket.learn_rows:
            continue
        known = await ctx.objects.put(bucket.to_learn, _MEDIA_TYPE, role="examples")
        source = f"{table.table}/{bucket.number:04}"
        item = DatasetItem(
            digest=known.sha256, source=source, group=source, rows=bucket.learn_rows,
            time_us=table.as_of_us, ref=known,
        )  # fmt: skip
        events += [ModelExample(name=name, item=item) for name in models]
    shift = await _shift(table.table, made.sample, ctx)
    due = await _is_due(table.table, shift, ctx)
    learnt = sum(bool(bucket.learn_rows) for bucket in made.buckets)
    if due is not None and learnt:
        # Examples come over another topic, and may be handled after the request.
        expected = ExpectedExamples(count=learnt, time_us=table.as_of_us)
        events += [
            ModelTrainingRequested(name=name, cause=due, requested_us=ctx.now(), examples=expected)
            for name in models
        ]
        sample = [[None if one != one else one for one in row] for row in made.sample]
        await ctx.state.put(f"sample/{table.table}", sample)
        await ctx.state.put(f"asked/{table.table}", ctx.now())
    ctx.annotate(rows=made.rows_read, asked=due or "no")
    events.append(
        TableFeatures(
            table=table.table,
            definition=table.definition,
            as_of_us=table.as_of_us,
            features=tuple(declared.features),
            buckets=tuple(buckets),
            rows_read=made.rows_read,
            shift=shift,
        )
    )
    return events


async def _shift(table: str, sample: list[list[float]], ctx: Context[TablesConfig]) -> float | None:
    """By how much the population has changed since the last training was asked for."""
    from lineal_consumers.tables.table_features import population_shift

    before = await ctx.state.get(f"sample/{table}", list[list[float | None]])
    if not before or not sample:
        return None
    old = [[float("nan") if one is None else one for one in row] for row in before]
    return round(min(population_shift(old, sample), 1e6), 6)


async def _is_due(
    table: str, shift: float | None, ctx: Context[TablesConfig]
) -> Literal["drift", "schedule"] | None:
    """Why an iteration is to be asked for now; None if it is not."""
    last = await ctx.state.get(f"asked/{table}", int)
    if shift is not None and shift > ctx.config.max_shift:
        return "drift"
    if last is None or ctx.now() - last >= ctx.config.retrain_seconds * 1e6:
        return "schedule"
    return None


@stage(
    "tables.score",
    version="3",
    produces=(PredictionMade, PredictionAnswered),
    section="tables",
    in_use=model_names,
    memo=False,
)
async def score(features: TableFeatures, ctx: Context[TablesConfig]) -> list[PredictionMade]:
    """Score all entities of a table with the models in use."""
    await ctx.state.put(f"features/{features.table}", features)
    made = []
    for name in ctx.config.models.get(features.table, ()):
        in_use = await ctx.artifact(name)
        if in_use is not None:
            model = ModelRef(name=name, version=in_use.version, sha256=in_use.sha256)
            file = reference(in_use.sha256, in_use.bytes, in_use.media_type)
            made += await _scored(features, model, file, ctx)
    return made


@score.on
async def score_again(
    change: ModelPromoted | ModelRolledBack, ctx: Context[TablesConfig]
) -> list[PredictionMade]:
    """Score again what is known, when another model comes into use."""
    made = []
    for table, names in ctx.config.models.items():
        features = await ctx.state.get(f"features/{table}", TableFeatures)
        if change.name in names and features is not None:
            made += await _scored(features, change.model, change.artifact, ctx)
    return made


@score.on
async def answer(asked: PredictionAsked, ctx: Context[TablesConfig]) -> PredictionAnswered:
    """Answer what a model would say if features had other values."""
    from lineal_consumers.tables.what_if import answer_question, bucket_with

    empty = PredictionAnswered(
        table=asked.table, question_id=asked.question_id, coverage=asked.coverage, by=asked.by
    )
    if asked.model not in ctx.config.models.get(asked.table, ()):
        problem = f"[stages.tables] models names no {asked.model!r} for the table {asked.table!r}"
        return empty.model_copy(update={"problem": problem})
    in_use = await ctx.artifact(asked.model)
    if in_use is None:
        return empty.model_copy(update={"problem": f"no version of {asked.model} is in use"})
    model = ModelRef(name=asked.model, version=in_use.version, sha256=in_use.sha256)
    file = reference(in_use.sha256, in_use.bytes, in_use.media_type)
    path = str(await ctx.objects.path(file, role="model"))
    features = await ctx.state.get(f"features/{asked.table}", TableFeatures)
    held, as_of_us = None, None
    if asked.entity is not None and features is not None:
        bucket = bucket_with(asked.entity, features)
        held = await ctx.objects.path(bucket.content, role="features")
        as_of_us = features.as_of_us
    ctx.annotate(model=asked.model, question=asked.question_id)
    try:
        found = await ctx.run(
            answer_question, asked, held, path, ctx.config.reasons, seconds=ctx.config.seconds
        )
    except Reject as error:
        return empty.model_copy(update={"model": model, "problem": str(error)})
    return empty.model_copy(
        update={
            "model": model, "as_of_us": as_of_us, "now": found.now, "then": found.then,
            "outside": found.outside,
        }
    )  # fmt: skip


async def _scored(
    features: TableFeatures, model: ModelRef, file: ObjectRef, ctx: Context[TablesConfig]
) -> list[PredictionMade]:
    from lineal_consumers.tables.scoring import score_bucket

    path = str(await ctx.objects.path(file, role="model"))
    config = ctx.config

    async def one(bucket: FeatureBucket) -> PredictionMade | None:
        if not bucket.rows:
            return None
        held = await ctx.objects.path(bucket.content, role="features")
        found = await ctx.run(
            score_bucket, held, path, config.reasons, HIGHEST, seconds=config.seconds
        )
        content = await ctx.objects.put(found.data, "application/gzip", role="predictions")
        ctx.add_effect(
            PredictionSummary(
                features.table, model.name, model.version, bucket.bucket, features.as_of_us,
                found.rows, found.mean, found.highest,
            )
        )  # fmt: skip
        return PredictionMade(
            table=features.table,
            model=model,
            as_of_us=features.as_of_us,
            bucket=bucket.bucket,
            rows=found.rows,
            content=content,
            mean=found.mean,
        )

    made = await asyncio.gather(*(one(bucket) for bucket in features.buckets))
    ctx.annotate(model=model.name, rows=sum(one.rows for one in made if one is not None))
    return [one for one in made if one is not None]
