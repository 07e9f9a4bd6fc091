"""The stage of restyling: what is meant is found on each image, and filled."""

from __future__ import annotations

import asyncio
from functools import cache

from lineal import Context, Reject, stage
from lineal.errors import ObjectMissing
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
from lineal_consumers.restyle.config import RestyleConfig, model_files, models_read
from lineal_consumers.restyle.engine import (
    CannotRestyle,
    RestyleEngine,
    UnknownEngine,
    engine_class,
)
from lineal_consumers.restyle.memory_queue import MemoryQueue, TooLarge
from lineal_consumers.restyle.model_process import model_process
from lineal_consumers.restyle.restyle_image import Restyled, restyle_image
from lineal_schemas.objects import ObjectRef
from lineal_schemas.restyling import ImagesReady, StyledImage, StyleRequested

_PNG = "image/png"


@stage("restyle", version="1", produces=ImagesReady, artifacts=model_files, record_kind="restyle")
async def restyle(request: StyleRequested, ctx: Context[RestyleConfig]) -> ImagesReady:
    """Change up to three images, side by side so far as there is memory for it."""
    name = request.engine or ctx.config.engine
    try:
        engine = engine_class(name)
    except UnknownEngine as error:
        raise Reject(str(error)) from error
    images = await asyncio.gather(
        *(_one(image, name, engine, request, ctx) for image in request.images)
    )
    ctx.annotate(
        engine=name, images=len(images), problems=sum(image.problem is not None for image in images)
    )
    return ImagesReady(request_id=request.request_id, engine=name, images=tuple(images))


async def _one(
    image: ObjectRef,
    name: str,
    engine: type[RestyleEngine],
    request: StyleRequested,
    ctx: Context[RestyleConfig],
) -> StyledImage:
    from lineal_consumers.restyle.pictures import size_of

    config = ctx.config
    models = config.models.get(name)
    try:
        data = await ctx.objects.get(image, role="photo")
        columns, rows = await asyncio.to_thread(size_of, data)
        if columns * rows > config.max_pixels:
            raise CannotRestyle(
                f"it has {columns} by {rows} pixels, at most {config.max_pixels}: send it smaller"
            )
        needed = await asyncio.to_thread(engine.memory_mb, models, columns * rows)
        async with _queue(config.memory_mb).room(needed):
            found = await _worked(data, name, engine, request, ctx)
    except (CannotRestyle, ObjectMissing, TooLarge) as error:
        return StyledImage(problem=str(error))
    except UnknownEngine as error:
        raise Reject(str(error)) from error
    except (WorkerTimeout, WorkerOutOfMemory, WorkerCrashed) as error:
        return StyledImage(problem=f"{error}: send it smaller, or ask for another engine"[:500])
    if found.problem:
        return StyledImage(problem=found.problem)
    return StyledImage(
        image=await ctx.objects.put(found.image, _PNG, role="image"),
        mask=await ctx.objects.put(found.mask, _PNG, role="mask"),
        share=round(found.share, 6),
    )


async def _worked(
    data: bytes,
    name: str,
    engine: type[RestyleEngine],
    request: StyleRequested,
    ctx: Context[RestyleConfig],
) -> Restyled:
    config = ctx.config
    models = str(config.models[name].resolve()) if name in config.models else ""
    given = (data, name, models, config.device, request.mask, request.fill)
    if engine.needs_models:
        # One process, so one model in memory, and its images in turn.
        process = model_process(config.device, models_read(config))
        return await process.run(restyle_image, *given, seconds=config.model_seconds)
    return await ctx.run(restyle_image, *given, seconds=config.seconds)


@cache
def _queue(megabytes: int) -> MemoryQueue:
    """Of this process: all requests share its memory."""
    return MemoryQueue(megabytes)
