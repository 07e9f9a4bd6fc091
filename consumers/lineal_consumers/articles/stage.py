"""The stages of articles: their paragraphs are scattered, spoken in parallel, and joined.

A paragraph is known by what is spoken and how, so of an article that comes again only what has
changed is spoken anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import orjson
from pydantic import BaseModel, ConfigDict

from lineal import Context, Reject, fan_in, stage
from lineal.stages.declaration import WORKER_LANES
from lineal_consumers.articles.config import ArticlesConfig
from lineal_schemas.articles import (
    ArticlePublished,
    AudioPublished,
    ParagraphRequested,
    ParagraphSpoken,
    SentenceMark,
)
from lineal_schemas.objects import ObjectRef


class KnownParagraph(BaseModel):
    """A paragraph that was spoken."""

    model_config = ConfigDict(frozen=True)

    audio: ObjectRef
    marks: tuple[SentenceMark, ...]
    voice: str


@stage(
    "articles.scatter",
    version="1",
    produces=ParagraphRequested,
    section="articles",
    lanes=WORKER_LANES,
)
async def scatter(
    article: ArticlePublished, ctx: Context[ArticlesConfig]
) -> tuple[ParagraphRequested, ...]:
    """Ask for each paragraph of an article to be spoken."""
    from lineal_consumers.articles.speaking import read

    config = ctx.config
    content = await ctx.objects.get(article.content, role="article")
    language = article.head.language
    try:
        found = await ctx.run(
            read, content, article.content.media_type, language, config.lexicon, seconds=30
        )
    except ValueError as error:
        raise Reject(str(error)) from error
    if not found.blocks:
        raise Reject("there is nothing in the article that can be spoken")
    if len(found.blocks) > config.max_paragraphs:
        raise Reject(
            f"the article has {len(found.blocks)} paragraphs, more than max_paragraphs = "
            f"{config.max_paragraphs} of [stages.articles]"
        )
    ctx.annotate(paragraphs=len(found.blocks), code_left_out=found.left_out)
    how = [config.engine, config.voices.get(language, language), config.words_per_minute]
    digests = [
        sha256(orjson.dumps([*how, *(sentence.ssml for sentence in block.sentences)])).hexdigest()
        for block in found.blocks
    ]
    # The same text with another title is another group: its parts say so.
    described = orjson.dumps([article.head.model_dump(), digests])
    group_id = f"{article.article_id}/{sha256(described).hexdigest()}/{scatter.version}"
    return tuple(
        ParagraphRequested(
            group_id=group_id,
            index=index,
            count=len(found.blocks),
            article_id=article.article_id,
            head=article.head,
            digest=digests[index],
            kind=block.kind,
            sentences=block.sentences,
        )
        for index, block in enumerate(found.blocks)
    )


@stage(
    "articles.speak",
    version="1",
    produces=ParagraphSpoken,
    section="articles",
    memo=False,
    subject_state=True,
    lanes=WORKER_LANES,
    record_kind="speak",
)
async def speak(paragraph: ParagraphRequested, ctx: Context[ArticlesConfig]) -> ParagraphSpoken:
    """Speak a paragraph, unless it has been spoken."""
    from lineal_consumers.articles.speaking import speak_paragraph, voice_version

    config = ctx.config
    voice = await ctx.run(voice_version, config.engine, seconds=30)
    key = f"spoken/{paragraph.digest}"
    known = await ctx.state.get(key, KnownParagraph)
    anew = known is None or known.voice != voice
    if known is None or anew:
        language = paragraph.head.language
        made = await ctx.run(
            speak_paragraph,
            config.engine,
            config.voices.get(language, language),
            language,
            paragraph.sentences,
            config.words_per_minute,
            seconds=config.seconds,
        )
        audio = await ctx.objects.put(made.audio, "audio/wav", role="audio")
        known = KnownParagraph(audio=audio, marks=tuple(made.marks), voice=voice)
        await ctx.state.put(key, known)
    ctx.annotate(voice=voice, anew=int(anew))
    return ParagraphSpoken(
        group_id=paragraph.group_id,
        index=paragraph.index,
        count=paragraph.count,
        article_id=paragraph.article_id,
        head=paragraph.head,
        kind=paragraph.kind,
        audio=known.audio,
        marks=known.marks,
        voice=voice,
        anew=anew,
    )


@fan_in(
    "articles.gather",
    version="1",
    produces=AudioPublished,
    section="articles",
    lanes=WORKER_LANES,
)
async def gather(parts: Sequence[ParagraphSpoken], ctx: Context[ArticlesConfig]) -> AudioPublished:
    """Join the paragraphs of an article, encode them, and say when each sentence is spoken."""
    from lineal_consumers.articles.speaking import encode_article

    config = ctx.config
    spoken = [await ctx.objects.get(part.audio, role="audio") for part in parts]
    kinds = [part.kind for part in parts]
    made = await ctx.run(
        encode_article, spoken, kinds, config.mp3_kbit, config.opus_kbit, seconds=config.seconds
    )
    marks = [
        {
            "paragraph": number,
            "kind": part.kind,
            "text": mark.text,
            "start": round(start + mark.start, 3),
            "end": round(start + mark.end, 3),
        }
        for number, (part, start) in enumerate(zip(parts, made.starts, strict=True))
        for mark in part.marks
    ]
    if made.missing:
        ctx.annotate(encoders_missing=", ".join(made.missing))
    put = ctx.objects.put
    first = parts[0]
    return AudioPublished(
        article_id=first.article_id,
        head=first.head,
        mp3=None if made.mp3 is None else await put(made.mp3, "audio/mpeg", role="mp3"),
        opus=None if made.opus is None else await put(made.opus, "audio/ogg", role="opus"),
        marks=await put(orjson.dumps(marks), "application/json", role="marks"),
        seconds=made.seconds,
        paragraphs=len(parts),
        spoken_anew=sum(part.anew for part in parts),
        voice=first.voice,
    )
