"""Which classes of documents were taught, by how many examples, and what the model in use knows.

A class is known by its name: whatever else belongs to it, as its fields, is kept under that name.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from lineal.errors import ObjectMissing
from lineal.events_on_topic import events_on_topic
from lineal.runtime import Runtime
from lineal_catalog.models.promotions import model_in_use
from lineal_catalog.models.queries import UnknownModel, find_model
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.models import DatasetManifest

MODEL = "documents"
"""Name of the model that is learnt from labelled documents."""


class TaughtClass(NamedTuple):
    """A class and its examples."""

    name: str
    examples: int
    """Documents of which people say that they are of it."""
    learnt: int
    """Of these, how many the model in use has learnt from; 0 where it does not know the class."""
    evaluated: int
    """And on how many it was evaluated."""
    model_version: int | None
    """Of the model in use that knows the class."""

    def to_dict(self) -> dict[str, Any]:
        return self._asdict()


async def list_classes(runtime: Runtime, model: str = MODEL) -> list[TaughtClass]:
    """All classes, by name."""
    examples = Counter((await examples_of(runtime)).values())
    manifest, version = await _dataset_in_use(runtime, model)
    train = Counter(item.label for item in manifest.train) if manifest else Counter()
    test = Counter(item.label for item in manifest.test) if manifest else Counter()
    names = sorted({*examples, *(name for name in train if name is not None)})
    return [
        TaughtClass(
            name, examples[name], train[name], test[name], version if train[name] > 1 else None
        )
        for name in names
    ]


async def examples_of(runtime: Runtime) -> dict[str, str]:
    """The class of each document that is an example, by its id."""
    labels: dict[str, str] = {}
    async for event in events_on_topic(runtime, DocumentLabelled):
        if event.data.withdrawn:
            labels.pop(event.data.document_id, None)
        else:
            labels[event.data.document_id] = event.data.label
    return labels


async def _dataset_in_use(
    runtime: Runtime, model: str
) -> tuple[DatasetManifest | None, int | None]:
    """What the model in use was learnt from, and its version."""
    in_use = await runtime.store.read(lambda c: model_in_use(c, model))
    if in_use is None:
        return None, None
    try:
        info = await runtime.store.read(lambda c: find_model(c, model))
        if info.training is None:
            return None, info.known.version
        data = await runtime.objects.get(info.training.manifest)
    except (UnknownModel, ObjectMissing):
        return None, None
    return DatasetManifest.model_validate_json(data), info.known.version
