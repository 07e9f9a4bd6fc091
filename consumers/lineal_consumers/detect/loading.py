"""Loads models, once in a process, by digest."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from lineal import Context, Reject
from lineal.artifact_in_use import ArtifactInUse
from lineal.store.objects import reference
from lineal_consumers.detect.config import DetectConfig
from lineal_scoring.model import ModelError, ScoringModel
from lineal_scoring.slot import load_model

_MAX_CACHED = 16
_models: OrderedDict[str, ScoringModel] = OrderedDict()


async def model_of(in_use: ArtifactInUse, ctx: Context[DetectConfig]) -> ScoringModel:
    """The loaded model.

    Raises:
        Reject: it is not fit for use.
        ObjectMissing: its file is not in the store.
    """
    model = _models.get(in_use.sha256)
    if model is not None:
        _models.move_to_end(in_use.sha256)
        return model
    ref = reference(in_use.sha256, in_use.bytes, in_use.media_type)
    data = await ctx.objects.get(ref, role="model")
    try:
        model = await asyncio.to_thread(load_model, data)
    except ModelError as error:
        raise Reject(f"the model {in_use.name} {in_use.version} is not fit for use") from error
    _models[in_use.sha256] = model
    while len(_models) > _MAX_CACHED:
        _models.popitem(last=False)
    return model
