"""Brings labels of a file into a job, and those of a job into a file."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Literal

from lineal.access.credential import Credential
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.documents.queries import UnknownDocument
from lineal_catalog.labels.acts import WrongLabel
from lineal_catalog.labels.answers import NewLabel, write_labels
from lineal_catalog.labels.formats import ExportedLabel, Format, export_labels, import_labels
from lineal_catalog.labels.items import item_of
from lineal_catalog.labels.jobs import create_job
from lineal_catalog.labels.queries import Job, final_results, find_job, given_labels
from lineal_schemas.labels import LabelItem, LabelJobCreated

Which = Literal["results", "given"]


async def export_job(runtime: Runtime, job: Job, which: Which, format: Format) -> bytes:
    """The labels of a job: what holds, after all jobs before it, or everything that was given.

    Raises:
        WrongLabel: the format cannot hold them.
    """

    def labels(connection: Connection) -> list[ExportedLabel]:
        if which == "given":
            return [
                ExportedLabel(each.item, each.value, each.actor, each.milliseconds / 1000)
                for each in given_labels(connection, job.job_id)
                if each.value is not None
            ]
        return [
            ExportedLabel(each.item, each.value, confidence=each.confidence)
            for each in final_results(connection, job)
            if each.value is not None
        ]

    return export_labels(await runtime.store.read(labels), format)


async def import_job(
    runtime: Runtime,
    by: Credential,
    data: bytes,
    format: Format,
    *,
    name: str,
    names: Collection[str] | None = None,
) -> tuple[LabelJobCreated, list[str]]:
    """A job of the labels of a file, as those gave them whom it names; they can be closed, verified
    and adjusted like others.

    Args:
        names: of who asks, to find only documents that they may see.

    Returns:
        The job, and what of the file is no document here.

    Raises:
        NotPermitted
        WrongLabel: the file is of another format, or names nothing that is here.
    """
    imported = import_labels(data, format)
    items: dict[str, LabelItem] = {}
    unknown: list[str] = []
    for each in imported:
        if each.name in items or each.name in unknown:
            continue
        try:
            found = await runtime.store.read(partial(item_of, name=each.name, names=names))
        except UnknownDocument:
            unknown.append(each.name)
            continue
        items[each.name] = found.model_copy(update={"width": each.width, "height": each.height})
    if not items:
        raise WrongLabel(f"the file names nothing that is here: {', '.join(unknown[:5])}")
    answers = len({each.worker for each in imported}) or 1
    created = await create_job(runtime, by, name=name, items=list(items.values()), answers=answers)
    job = await runtime.store.read(partial(find_job, wanted=created.job))
    labels = [
        NewLabel(items[each.name], each.value, f"imported:{each.worker or format}",
                 each.seconds, imported=True)
        for each in imported
        if each.name in items
    ]  # fmt: skip
    await write_labels(runtime, job, labels, by)
    return created, unknown
