"""The stages of fields: values are extracted, people asked, corrections handed on to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lineal import Context, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.store.objects import reference
from lineal_consumers.fields.config import FieldsConfig, model_names
from lineal_schemas.descriptions import DocumentDescribed, RecognizedDescription
from lineal_schemas.documents import DocumentAnalyzed
from lineal_schemas.fields import DocumentFieldsExtracted, ExtractedField, FieldValues
from lineal_schemas.models import (
    DatasetItem,
    ExpectedExamples,
    ModelExample,
    ModelRef,
    ModelTrainingRequested,
)
from lineal_schemas.payload import Payload
from lineal_schemas.results import Box
from lineal_schemas.reviews import ReviewPlace, ReviewRequested

if TYPE_CHECKING:
    from lineal_consumers.fields.definition import ClassFields

_JSON = "application/json"


@stage(
    "fields",
    version="5",
    produces=(DocumentFieldsExtracted, ReviewRequested),
    in_use=model_names,
    lanes=WORKER_LANES,
)
async def fields(document: DocumentAnalyzed, ctx: Context[FieldsConfig]) -> list[Payload]:
    """Extract the fields that are declared for a document's class; labelled values where none
    are. And whatever it is, who it is from and of which day it is."""
    from lineal_consumers.fields.extracting import extract_objects

    config = ctx.config
    declared = config.classes.get(document.document_class)
    in_use = None if config.model is None else await ctx.artifact(config.model)
    memory = None
    if in_use is not None:
        ref = reference(in_use.sha256, in_use.bytes, in_use.media_type)
        memory = await ctx.objects.path(ref, role="model")
    result = await ctx.objects.get(document.result, role="result")
    analysis = await ctx.objects.get(document.analysis, role="analysis")
    if declared is None:
        await _recognize(result, analysis, memory, None, None, ctx)
        return await _undeclared(document, result, analysis, ctx)
    content, kind = None, "pdf" if document.media_type == "application/pdf" else "image"
    is_drawn = kind == "pdf" or (document.media_type or "").startswith("image/")
    if declared.has_marks and is_drawn and document.content is not None:
        content = await ctx.objects.path(document.content, role="content")
    found = await ctx.run(
        extract_objects, result, analysis, declared, document.document_class, memory, content,
        kind, seconds=config.seconds,
    )  # fmt: skip
    stored = await ctx.objects.put(found.model_dump_json().encode(), _JSON, role="fields")
    await _recognize(result, analysis, memory, found, declared, ctx)
    people = tuple(one.name for one in found.fields if one.source == "person")
    unsure = _unsure(found, config)
    ctx.annotate(
        document_class=document.document_class,
        found=sum(one.value is not None for one in found.fields),
        unsure=len(unsure),
    )
    taught = {example for one in found.fields for example in one.examples}
    if taught:
        ctx.annotate(taught_by=" ".join(sorted(taught)))
    made: list[Payload] = [
        DocumentFieldsExtracted(
            document_id=document.document_id,
            document_class=document.document_class,
            text=document.text,
            result=document.result,
            analysis=document.analysis,
            fields=stored,
            values={one.name: one.value for one in found.fields if one.value is not None},
            unsure=tuple(one.name for one in unsure),
            by_person=people,
            model=None
            if in_use is None
            else ModelRef(name=in_use.name, version=in_use.version, sha256=in_use.sha256),
        )
    ]
    if unsure and not people:
        # Once a person has looked, nobody is asked about the rest of it again.
        made.append(_request(document, unsure, stored.sha256))
    return made


async def _recognize(
    result: bytes,
    analysis: bytes,
    memory: Path | None,
    values: FieldValues | None,
    declared: ClassFields | None,
    ctx: Context[FieldsConfig],
) -> None:
    """Keep who the document is from and of which day it is, for the catalog.

    The values stand in an object, so that erasing the document erases them; the record says how
    they were recognised, and by which examples.
    """
    from lineal_consumers.fields.describing import recognize_objects

    found: RecognizedDescription = await ctx.run(
        recognize_objects, result, analysis, memory, values, declared, seconds=ctx.config.seconds
    )
    await ctx.objects.put(found.model_dump_json().encode(), _JSON, role="recognized")
    for key, label in sorted(found.labels.items()):
        said = " ".join((label.source, *label.examples))
        ctx.annotate(**{f"{key}_recognized": said})


async def _undeclared(
    document: DocumentAnalyzed, result: bytes, analysis: bytes, ctx: Context[FieldsConfig]
) -> list[Payload]:
    """The labelled values of a document for whose class nothing is declared; nobody is asked."""
    from lineal_consumers.fields.pairs import fields_of_pairs, is_class_reviewed

    found = await ctx.run(
        fields_of_pairs, result, document.document_class, seconds=ctx.config.seconds
    )
    # Where a person has said the class, those of the class that it was taken for go.
    if not found.fields and not await ctx.run(
        is_class_reviewed, analysis, seconds=ctx.config.seconds
    ):
        ctx.annotate(document_class=document.document_class, found=0)
        return []
    stored = await ctx.objects.put(found.model_dump_json().encode(), _JSON, role="fields")
    ctx.annotate(document_class=document.document_class, found=len(found.fields))
    return [
        DocumentFieldsExtracted(
            document_id=document.document_id,
            document_class=document.document_class,
            text=document.text,
            result=document.result,
            analysis=document.analysis,
            fields=stored,
            values={one.name: one.value for one in found.fields if one.value is not None},
            by_person=tuple(one.name for one in found.fields if one.source == "person"),
        )
    ]


def _unsure(found: FieldValues, config: FieldsConfig) -> list[ExtractedField]:
    return [
        one
        for one in found.fields
        if one.problems or (one.value is not None and one.confidence < config.min_confidence)
    ]


def _request(
    document: DocumentAnalyzed, unsure: list[ExtractedField], basis: str
) -> ReviewRequested:
    places = []
    for one in unsure:
        why = f"{one.name}: {'; '.join(one.problems) or 'not sure'}"
        at = one.box
        box = None if at is None else Box(at.left, at.top, at.width, at.height)
        page = 1 if at is None else at.page
        places.append(ReviewPlace(page=page, reason=why, box=box))
    broken = any(one.problems for one in unsure)
    return ReviewRequested(
        subject=f"document:{document.document_id}",
        target="fields",
        basis=basis,
        reason="rule" if broken else "confidence",
        document_class=document.document_class,
        confidence=min(one.confidence for one in unsure),
        places=tuple(places),
    )


@stage(
    "fields.learn",
    version="1",
    produces=(ModelExample, ModelTrainingRequested),
    section="fields",
    memo=False,
)
async def learn(document: DocumentFieldsExtracted, ctx: Context[FieldsConfig]) -> list[Payload]:
    """Hand on what people have said of a document as an example, and ask for an iteration."""
    from lineal_consumers.fields.teaching import example_of

    name, declared = ctx.config.model, ctx.config.classes.get(document.document_class)
    if not document.by_person or name is None or declared is None:
        ctx.skip("nobody has said anything of its fields")
        return []
    values = FieldValues.model_validate_json(await ctx.objects.get(document.fields, role="fields"))
    said = {one.name: one.value for one in values.fields if one.source == "person"}
    key = f"taught/{document.document_id}"
    if await ctx.state.get(key, dict[str, str | None]) == said:
        ctx.skip("it has taught this already")
        return []
    await ctx.state.put(key, said)
    result = await ctx.objects.get(document.result, role="result")
    analysis = await ctx.objects.get(document.analysis, role="analysis")
    example = await ctx.run(
        example_of, document.document_id, values, declared, result, analysis,
        seconds=ctx.config.seconds,
    )  # fmt: skip
    ref = await ctx.objects.put(example, "application/gzip", role="example")
    now = ctx.now()
    item = DatasetItem(
        digest=ref.sha256, source=document.document_id, group=document.document_id,
        label=document.document_class, time_us=now, ref=ref,
    )  # fmt: skip
    ctx.annotate(model=name, fields=len(said))
    return [ModelExample(name=name, item=item)]


@learn.on
async def iterate(
    example: ModelExample, ctx: Context[FieldsConfig]
) -> ModelTrainingRequested | None:
    """Ask for an iteration when there is a new example."""
    if example.name != ctx.config.model:
        ctx.skip("it is an example of something else")
        return None
    # Not with the example itself: they come over two topics, and the request would wait for it.
    return ModelTrainingRequested(
        name=example.name,
        cause="schedule",
        requested_us=ctx.now(),
        examples=ExpectedExamples(count=1, time_us=example.item.time_us),
    )


@learn.on
async def described(
    description: DocumentDescribed, ctx: Context[FieldsConfig]
) -> ModelExample | None:
    """Hand on what people have said of who a document is from, and of its day, as an example."""
    from lineal_consumers.fields.describing import CLASS, DESCRIPTION
    from lineal_consumers.fields.teaching import example_of

    name = ctx.config.model
    key = f"described/{description.document_id}"
    before = await ctx.state.get(key, dict[str, str]) or {}
    values = before | {
        one: text for one, text in description.labels.items() if one in DESCRIPTION.fields
    }
    read, found = description.result, description.analysis
    if name is None or read is None or found is None or values == before:
        ctx.skip("nothing is learnt from it: neither a correspondent nor a date of what was read")
        return None
    await ctx.state.put(key, values)
    people = FieldValues(
        document_class=CLASS,
        fields=tuple(
            ExtractedField(
                name=one, type=DESCRIPTION.fields[one].type, value=text or None, source="person"
            )
            for one, text in values.items()
        ),
    )
    result = await ctx.objects.get(read, role="result")
    analysis = await ctx.objects.get(found, role="analysis")
    example = await ctx.run(
        example_of, description.document_id, people, DESCRIPTION, result, analysis,
        seconds=ctx.config.seconds,
    )  # fmt: skip
    ref = await ctx.objects.put(example, "application/gzip", role="example")
    # Beside what it teaches of the fields of its class, as an example of its own.
    item = DatasetItem(
        digest=ref.sha256, source=f"{description.document_id}/{CLASS}",
        group=description.document_id, label=CLASS, time_us=ctx.now(), ref=ref,
    )  # fmt: skip
    ctx.annotate(model=name, fields=len(values))
    return ModelExample(name=name, item=item)
