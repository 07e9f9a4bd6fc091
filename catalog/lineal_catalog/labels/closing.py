"""Closing a labelling job: what holds of each item, said to whoever learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

import orjson

from lineal.access.credential import Credential
from lineal.acts import publish_acts
from lineal.lineage.record import Artifact, StepEntry, digest
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.renditions import find_renditions, reading_of
from lineal_catalog.labels.acts import (
    JSON,
    MAX_PUBLISHED,
    WrongLabel,
    act_event,
    json_artifact,
    label_to_look_at,
    open_job,
    publish_with_records,
)
from lineal_catalog.labels.agreement import Consensus, dawid_skene, fleiss_kappa, majority
from lineal_catalog.labels.projection import KIND, RESULT_ROLE
from lineal_catalog.labels.queries import PPM, Job, items_of, results_of, value_digests, votes_of
from lineal_catalog.photos.projection import PHOTO, UnknownPhoto, find_photo
from lineal_catalog.photos.verification import verification_of
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.envelope import now_us
from lineal_schemas.labels import ConsensusMethod, LabelItem, LabelJobClosed
from lineal_schemas.models import DatasetItem, ModelExample
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.photos import PhotoLabel


async def close_job(
    runtime: Runtime, wanted: str, by: Credential, *, method: ConsensusMethod = "majority"
) -> LabelJobClosed:
    """Find what holds of each item, and say it to whoever learns from it.

    Of a verify job a label that was found right holds, and one that was found wrong does not; items
    of an adjust job have the adjusted label. Whole documents become examples of the classifier
    (`document.labelled`), photos are verified (`photo.verified`), and where the job names a model,
    all become examples of that (`model.example`).

    Raises:
        NotPermitted, UnknownJob
        WrongLabel: it is closed, or nobody has labelled anything.
    """
    by.require("review")
    await runtime.flush_ledger()
    job = await open_job(runtime, wanted)
    votes = await runtime.store.read(partial(votes_of, job_id=job.job_id))
    if not votes:
        raise WrongLabel("nobody has labelled anything of this job")
    found = dawid_skene(votes) if method == "dawid_skene" else majority(votes)
    entries = await runtime.store.read(partial(_held, job=job, found=found))
    whole = orjson.dumps(entries)
    await runtime.objects.put_large(whole)
    closed = LabelJobClosed(
        job=job.job_id, method=method, items=len(entries),
        resolved=sum(entry["value"] is not None for entry in entries),
        agreement=fleiss_kappa(votes),
        labels=reference(digest(whole), len(whole), JSON), by=by.actor,
    )  # fmt: skip
    event = act_event(closed, by.actor, job.job_id)
    now = now_us()
    subject = closed.correlation_key()
    steps = [
        StepEntry(
            subject, now, kind=KIND,
            outputs=(json_artifact(whole, "label_list"), json_artifact(event.data, "event")),
            events_out=(event.id,),
            attributes={"act": "close", "job": job.job_id, "method": method},
        )
    ]  # fmt: skip
    steps += [
        StepEntry(
            entry["subject"], now, kind=KIND,
            inputs=() if entry["value"] is None
            else (Artifact(entry["value"], JSON, 0, RESULT_ROLE),),
            attributes={
                "act": "result", "job": job.job_id, "item": entry["item"],
                "confidence": entry["confidence"], "votes": entry["votes"],
            },
        )
        for entry in entries
    ]  # fmt: skip
    await publish_with_records(runtime, [event], [], steps, by.actor)
    await runtime.flush_ledger()
    await _teach(runtime, job, by)
    return closed


def _held(connection: Connection, job: Job, found: Mapping[str, Consensus]) -> list[dict[str, Any]]:
    """What holds of each item, as it is kept."""
    digests = value_digests(connection, job.job_id)
    counts: dict[str, int] = {}
    for given in votes_of(connection, job.job_id):
        counts[given.item] = counts.get(given.item, 0) + 1
    entries = []
    for item in items_of(connection, job.job_id):
        consensus = found.get(item.item, Consensus(None, 0.0))
        vote = consensus.label
        value = digests.get((item.item, vote or ""))
        if job.kind == "verify":
            before = label_to_look_at(connection, job, item.item)
            right = consensus.label == "correct" and before is not None
            value = before[0] if right and before else None
        entries.append(
            {"item": item.item, "subject": item.subject, "value": value,
             "confidence": round(consensus.confidence * PPM), "votes": counts.get(item.item, 0)}
        )  # fmt: skip
    return entries


async def _teach(runtime: Runtime, job: Job, by: Credential) -> None:
    """Say what holds to whoever learns from it."""
    events = []
    results = await runtime.store.read(partial(results_of, job_id=job.job_id))
    for item, value, _, _, _ in results:
        if value is None or value.label is None:
            continue
        if item.subject.startswith(PHOTO):
            taught = await _of_photo(runtime, item, value.label, job, by)
        elif item.subject.startswith(DOCUMENT):
            taught = await _of_document(runtime, item, value.label, job, by)
        else:
            continue
        if taught is not None:
            event = act_event(taught, by.actor, f"{job.job_id}\n{item.item}")
            # As what is labelled, and not of its own: it is erased with that.
            events.append(event._replace(correlationid=item.subject, subject=item.subject))
    for begin in range(0, len(events), MAX_PUBLISHED):
        some = events[begin : begin + MAX_PUBLISHED]
        await publish_acts(runtime, some)


async def _of_document(
    runtime: Runtime, item: LabelItem, label: str, job: Job, by: Credential
) -> Payload | None:
    """What the label of a document, or of a page, teaches; None where there is nothing to learn
    from."""
    document_id = item.subject.removeprefix(DOCUMENT)
    forms = await runtime.store.read(partial(find_renditions, document_id=document_id))
    if job.model is not None:
        content = forms.get("original")
        if content is None:
            return None
        ref = reference(content.sha256, content.bytes, content.media_type)
        return _example(job.model, item, label, ref)
    text = forms.get("text")
    if item.item != document_id or text is None:
        return None
    return DocumentLabelled(
        document_id=document_id, label=label,
        text=reference(text.sha256, text.bytes, text.media_type),
        result=reading_of(forms), by=by.actor, labelled_us=now_us(),
    )  # fmt: skip


async def _of_photo(
    runtime: Runtime, item: LabelItem, label: str, job: Job, by: Credential
) -> Payload | None:
    """What a photo's label teaches; None where nobody learns of such a label."""
    wanted = item.subject.removeprefix(PHOTO)
    try:
        photo = await runtime.store.read(partial(find_photo, photo_id=wanted))
    except UnknownPhoto:  # erased meanwhile
        return None
    if job.model is not None:
        ref = reference(photo.sha256, photo.bytes, photo.media_type)
        return _example(job.model, item, label, ref)
    known: tuple[PhotoLabel, ...] = get_args(PhotoLabel)
    return next((verification_of(photo, one, by.actor) for one in known if one == label), None)


def _example(model: str, item: LabelItem, label: str, content: ObjectRef) -> ModelExample:
    return ModelExample(
        name=model,
        item=DatasetItem(
            digest=content.sha256, source=item.item, time_us=now_us(), label=label, ref=content
        ),
    )
