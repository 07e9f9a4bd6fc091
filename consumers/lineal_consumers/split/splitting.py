"""Splits one file: finds its parts, cuts them, and asks about what is doubtful."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lineal import Context, Reject
from lineal.errors import Retry
from lineal.store.objects import reference
from lineal_catalog.documents.queries import UnknownDocument, find_document, parents_of, tenant_of
from lineal_catalog.documents.renditions import find_renditions, reading_of
from lineal_consumers.split.config import SplitConfig
from lineal_consumers.split.parts import Division, Pages, cut, divided, find_division
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.reviews import ReviewPlace, ReviewRequested
from lineal_schemas.salt import new_salt
from lineal_schemas.streams import DocumentSplit, StreamPart

LABEL = "stream"
"""Of a file that holds several documents."""
_SECONDS_A_PAGE = 0.2
_AGAIN_SECONDS = 1.0


class File(NamedTuple):
    """A file that was read, by what the ledger knows of it."""

    document_id: str
    name: str
    tenant: str
    labels: Mapping[str, str]
    parents: int
    """How many documents it lies in."""
    pages: int
    result: ObjectRef | None
    pdf: ObjectRef | None


def class_models(config: SplitConfig) -> list[str]:
    """Names of the models that the stage uses, each in the version in use."""
    return [] if config.class_model is None else [config.class_model]


async def file_of(document_id: str, ctx: Context[SplitConfig]) -> File:
    """What is known of a file.

    Raises:
        Retry: nothing is yet.
        ErasedDocument: it was erased.
    """
    try:
        info = await ctx.query(partial(find_document, wanted=document_id))
    except UnknownDocument as error:
        raise Retry(str(error), _AGAIN_SECONDS) from error
    forms = await ctx.query(partial(find_renditions, document_id=document_id))
    pdf = forms.get("pdf")
    return File(
        document_id=document_id,
        name=info.name,
        tenant=await ctx.query(partial(tenant_of, document_id=document_id)),
        labels=info.labels,
        parents=len(await ctx.query(partial(parents_of, document_id=document_id))),
        pages=info.pages or 1,
        result=reading_of(forms),
        pdf=None if pdf is None else reference(pdf.sha256, pdf.bytes, pdf.media_type),
    )


def is_stream(file: File, config: SplitConfig) -> bool:
    """Whether a file is to be split without a person saying so. What lies in another document is
    one: a part that was cut out is not cut again."""
    return LABEL in file.labels or (config.files == "all" and file.parents == 0)


async def split_by_signals(file: File, ctx: Context[SplitConfig]) -> list[Payload]:
    """Split a file where documents seem to begin.

    Raises:
        Reject: it has no pages to look at.
    """
    if file.result is None or file.pdf is None:
        raise Reject("no PDF or image was read under this id")
    result = await ctx.objects.path(file.result, role="result")
    division = await ctx.run(
        find_division, result, await _model(ctx), ctx.config.sure, seconds=_seconds(file, ctx)
    )
    return await _emit(file, division, ctx)


async def split_at_pages(
    file: File, first_pages: Sequence[int], ctx: Context[SplitConfig]
) -> list[Payload]:
    """Split a file where a person has said.

    Raises:
        Reject: it has no such page, or none to look at.
    """
    return await _emit(file, Division(divided(first_pages, file.pages), ()), ctx)


async def _model(ctx: Context[SplitConfig]) -> Path | None:
    name = ctx.config.class_model
    in_use = None if name is None else await ctx.artifact(name)
    if in_use is None:
        return None
    ref = reference(in_use.sha256, in_use.bytes, in_use.media_type)
    return await ctx.objects.path(ref, role="model")


def _seconds(file: File, ctx: Context[SplitConfig]) -> float:
    return ctx.config.seconds + _SECONDS_A_PAGE * file.pages


async def _emit(file: File, division: Division, ctx: Context[SplitConfig]) -> list[Payload]:
    """What was decided, the documents of the parts that are sure, and what is asked of the others.

    A part that was cut before has the same bytes, and is the same document.
    """
    ctx.annotate(parts=len(division.parts), doubtful=len(division.doubtful))
    sure = [part for part in division.parts if not division.is_doubtful(part)]
    if len(division.parts) == 1:
        sure = []  # the file is the document
    contents: dict[Pages, bytes] = {}
    if sure:
        if file.pdf is None:
            raise Reject("no PDF or image was read under this id")
        pdf = await ctx.objects.path(file.pdf, role="pdf")
        made = await ctx.run(cut, pdf, sure, seconds=_seconds(file, ctx))
        contents = dict(zip(sure, made, strict=True))
    parts: list[StreamPart] = []
    out: list[Payload] = []
    for part in division.parts:
        content = None
        if part in contents:
            content = await ctx.objects.put(contents[part], "application/pdf", role="attachment")
            out.append(_arrival(file, part, content))
        parts.append(StreamPart(first=part.first, last=part.last, content=content))
    if division.doubtful and file.result is not None:
        out.append(_question(file.document_id, file.result, division))
    decided = DocumentSplit(
        document_id=file.document_id, parts=tuple(parts), doubtful_pages=division.doubtful
    )
    return [decided, *out]


def _arrival(file: File, part: Pages, content: ObjectRef) -> DocumentArrived:
    pages = f"{part.first}-{part.last}"
    shown = f"page {part.first}" if part.first == part.last else f"pages {pages}"
    return DocumentArrived(
        name=f"{file.name.removesuffix('.pdf')} {shown}.pdf",
        source=f"document:{file.document_id}/pages/{pages}",
        tenant=file.tenant,
        content=content,
        parent=file.document_id,
        depth=2 if file.parents else 1,
        salt=new_salt(),
    )


def _question(document_id: str, result: ObjectRef, division: Division) -> ReviewRequested:
    return ReviewRequested(
        subject=f"document:{document_id}",
        target="split",
        basis=result.sha256,
        reason="boundary",
        places=tuple(
            ReviewPlace(page=page, reason="a document may begin here") for page in division.doubtful
        ),
    )
