"""Two small stages that read and analyse, so that reviews have something to correct."""

from __future__ import annotations

import json

from pydantic import BaseModel

from lineal import Context, stage
from lineal_schemas.documents import (
    DocumentAnalyzed,
    DocumentRegistered,
    DocumentReviewRequested,
    DocumentTextExtracted,
    PageDoubt,
)
from lineal_schemas.results import Analysis, DocumentClass, Engine, KeyValue, Page, TextResult, Word


class ReaderConfig(BaseModel):
    replace: dict[str, str] = {}
    """What another version of the engine reads otherwise."""


def reading(*texts: str) -> TextResult:
    """Pages of these texts, each word with a place; ``key: value`` lines are fields."""
    pages: list[Page] = []
    at = 0
    for number, text in enumerate(texts, 1):
        words, begin = [], 0
        for word in text.split():
            found = text.index(word, begin)
            begin = found + len(word)
            words.append(Word(at + found, at + begin, 0.5, found / 100, 0.1, 0.1, 0.1, 0))
        pairs = [line.split(": ", 1) for line in text.splitlines() if ": " in line]
        pages.append(
            Page(
                number=number,
                begin=at,
                end=at + len(text),
                width=595,
                height=842,
                source="ocr",
                words=tuple(words),
                key_values=tuple(KeyValue(key=k, value=v, confidence=0.4) for k, v in pairs),
                doubts=("faint",) if "?" in text else (),
            )
        )
        at += len(text) + 1
    return TextResult(
        engines=(Engine(name="t", version="1"),), text="\f".join(texts), pages=tuple(pages)
    )


@stage("reader", version="1", produces=(DocumentTextExtracted, DocumentReviewRequested), memo=False)
async def reader(
    document: DocumentRegistered, ctx: Context[ReaderConfig]
) -> list[DocumentTextExtracted | DocumentReviewRequested]:
    texts = json.loads(await ctx.objects.get(document.content))
    for old, new in ctx.config.replace.items():
        texts = [text.replace(old, new) for text in texts]
    result = reading(*texts)
    extracted = DocumentTextExtracted(
        document_id=document.document_id,
        kind="image",
        pages=len(texts),
        content=document.content,
        text=await ctx.objects.put(result.text.encode(), "text/plain", role="text"),
        result=await ctx.objects.put(result.to_gzip(), "application/gzip", role="result"),
    )
    doubts = tuple(PageDoubt(page=p.number, reasons=p.doubts) for p in result.pages if p.doubts)
    if not doubts:
        return [extracted]
    asked = DocumentReviewRequested(
        document_id=document.document_id, result=extracted.result, doubts=doubts
    )
    return [extracted, asked]


class AnalyserConfig(BaseModel):
    names: dict[str, str] = {}
    """A word of the text, and the class that it stands for."""
    confidence: float = 0.9


@stage("analyser", version="1", produces=DocumentAnalyzed, memo=False)
async def analyser(
    document: DocumentTextExtracted, ctx: Context[AnalyserConfig]
) -> DocumentAnalyzed:
    text = (await ctx.objects.get(document.text)).decode()
    name = next((name for word, name in ctx.config.names.items() if word in text), "other")
    confidence = 0.3 if name == "other" else ctx.config.confidence
    analysis = Analysis(
        language="en",
        language_confidence=1,
        key_phrases=(),
        entities=(),
        document_class=DocumentClass(name=name, confidence=confidence),
    )
    return DocumentAnalyzed(
        document_id=document.document_id,
        text=document.text,
        result=document.result,
        analysis=await ctx.objects.put(analysis.to_gzip(), "application/gzip", role="analysis"),
        language="en",
        document_class=name,
        class_confidence=confidence,
        personal_data=False,
    )
