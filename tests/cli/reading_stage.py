"""A stage for tests of the command line: it reads text files, in place of classify, ocr and nlp.

Copied by the fixtures into a folder of its own and installed from there, with an entry point as
anybody's stage would have.
"""

from __future__ import annotations

from lineal.stages import Context, NoConfig, Reject, stage
from lineal_schemas.documents import DocumentAnalyzed, DocumentRegistered
from lineal_schemas.results import (
    PAGE_SEPARATOR,
    Analysis,
    DocumentClass,
    Engine,
    KeyPhrase,
    Page,
    TextResult,
)

VERSION = "1"


@stage("reading", version=VERSION, produces=DocumentAnalyzed)
async def reading(document: DocumentRegistered, ctx: Context[NoConfig]) -> DocumentAnalyzed:
    text = (await ctx.objects.get(document.content)).decode()
    if text.startswith("REFUSED"):
        raise Reject("the file is encrypted")
    if text.startswith("BROKEN"):
        raise ValueError("no reader for this")
    result = TextResult(
        engines=(Engine(name="reading", version=VERSION),), text=text, pages=tuple(_pages(text))
    )
    analysis = Analysis(
        language="en",
        language_confidence=1.0,
        document_class=DocumentClass(name="letter", confidence=0.9),
        key_phrases=(KeyPhrase(text="wind turbine", score=0.9),),
        entities=(),
    )
    put = ctx.objects.put
    if "," in text:
        await put(text.encode(), "text/csv", role="csv")
    ctx.annotate(pages=len(result.pages))
    return DocumentAnalyzed(
        document_id=document.document_id,
        text=await put(text.encode(), "text/plain;charset=utf-8", role="text"),
        result=await put(result.to_gzip(), "application/gzip", role="result"),
        analysis=await put(analysis.to_gzip(), "application/gzip", role="analysis"),
        language="en",
        document_class="letter",
        class_confidence=0.9,
        personal_data=False,
    )


def _pages(text: str) -> list[Page]:
    pages = []
    begin = 0
    for number, page in enumerate(text.split(PAGE_SEPARATOR), 1):
        pages.append(
            Page(
                number=number,
                source="parse",
                begin=begin,
                end=begin + len(page),
                width=0,
                height=0,
            )
        )
        begin += len(page) + len(PAGE_SEPARATOR)
    return pages
