"""The stage that analyses a document's text."""

from __future__ import annotations

from lineal import Context, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.store.objects import reference
from lineal_consumers.nlp.config import NlpConfig
from lineal_consumers.nlp.models import language_models, trained_models
from lineal_schemas.documents import DocumentAnalyzed, DocumentTextExtracted

_SECONDS_A_PAGE = 0.1
_CHARACTERS_A_PAGE = 3_000
"""What has no pages, a log or a mailbox, is given the time of a printed text of its length."""


@stage(
    "nlp",
    version="2",
    produces=DocumentAnalyzed,
    artifacts=language_models,
    in_use=trained_models,
    warm_up="lineal_consumers.nlp.warm_up:load",
    lanes=WORKER_LANES,
)
async def nlp(document: DocumentTextExtracted, ctx: Context[NlpConfig]) -> DocumentAnalyzed:
    # The engines are imported where they are first needed, so that listing stages costs nothing.
    from lineal_consumers.nlp.analysis import analyze_object

    text = await ctx.objects.get(document.text, role="text")
    pages = max(document.pages, len(text) // _CHARACTERS_A_PAGE)
    name = ctx.config.class_model
    in_use = None if name is None else await ctx.artifact(name)
    classifier = result = None
    if in_use is not None:
        ref = reference(in_use.sha256, in_use.bytes, in_use.media_type)
        classifier = await ctx.objects.path(ref, role="model")
        result = await ctx.objects.path(document.result, role="result")
    analyzed = await ctx.run(
        analyze_object,
        text,
        ctx.config,
        classifier,
        result,
        seconds=ctx.config.seconds + pages * _SECONDS_A_PAGE,
    )
    analysis = await ctx.objects.put(analyzed.data, "application/gzip", role="analysis")
    ctx.annotate(language=analyzed.language, document_class=analyzed.document_class)
    return DocumentAnalyzed(
        document_id=document.document_id,
        text=document.text,
        result=document.result,
        analysis=analysis,
        language=analyzed.language,
        document_class=analyzed.document_class,
        class_confidence=analyzed.class_confidence,
        class_doubt=analyzed.class_doubt,
        class_evidence=analyzed.class_evidence,
        personal_data=analyzed.personal_data,
        media_type=document.content.media_type,
        content=document.content,
    )
