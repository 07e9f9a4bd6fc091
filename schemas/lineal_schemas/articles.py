"""Payloads of articles that are read aloud."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.objects import ObjectRef
from lineal_schemas.parts import Part
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import Micros

ArticleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
Language = Literal["en", "de"]
BlockKind = Literal["heading", "paragraph", "item", "quotation"]


class ArticleHead(BaseModel):
    """What is said of an article beside its text."""

    model_config = ConfigDict(frozen=True)

    title: Annotated[str, Field(min_length=1, max_length=500)]
    language: Language
    url: Annotated[str, Field(max_length=2000)] | None = None
    published_us: Micros


class ArticlePublished(Payload, type="article.published", version=1):
    """An article is out, or out again with another text."""

    article_id: ArticleId
    head: ArticleHead
    content: ObjectRef
    """Markdown, HTML or plain text in UTF-8; its media type says which."""

    def partition_key(self) -> str:
        return self.article_id

    def correlation_key(self) -> str:
        return f"article:{self.article_id}"


class SpokenSentence(BaseModel):
    """A sentence, as it is read and as it is spoken."""

    model_config = ConfigDict(frozen=True)

    text: str
    ssml: str
    """What is within ``speak``: text, ``break``, ``emphasis``, ``say-as`` and ``sub``."""


class ParagraphRequested(Part, type="article.paragraph_requested", version=1):
    """A paragraph of an article is to be spoken."""

    group_id: str
    article_id: ArticleId
    head: ArticleHead
    digest: str
    """Of what is spoken and how: equal paragraphs have equal ones."""
    kind: BlockKind
    sentences: tuple[SpokenSentence, ...]

    def partition_key(self) -> str:
        return self.digest

    def correlation_key(self) -> str:
        return f"article:{self.article_id}"


class SentenceMark(BaseModel):
    """When a sentence is spoken."""

    model_config = ConfigDict(frozen=True)

    text: str
    start: Annotated[float, Field(ge=0)]
    """Seconds from the beginning of the paragraph, or of the article."""
    end: Annotated[float, Field(ge=0)]


class ParagraphSpoken(Part, type="article.paragraph_spoken", version=1):
    """A paragraph was spoken."""

    group_id: str
    article_id: ArticleId
    head: ArticleHead
    kind: BlockKind
    audio: ObjectRef
    """WAV."""
    marks: tuple[SentenceMark, ...]
    voice: str
    """Name and version of what speaks."""
    anew: bool
    """False: it was spoken before, for this or another article."""

    def partition_key(self) -> str:
        return f"{self.group_id}/{self.index}"

    def correlation_key(self) -> str:
        return f"article:{self.article_id}"


class AudioPublished(Payload, type="audio.published", version=1):
    """An article can be listened to."""

    article_id: ArticleId
    head: ArticleHead
    mp3: ObjectRef | None
    """None where the encoder is not installed."""
    opus: ObjectRef | None
    """In Ogg; None where the encoder is not installed."""
    marks: ObjectRef
    """JSON: of each sentence its text, paragraph, kind, start and end in seconds."""
    seconds: Annotated[float, Field(ge=0)]
    paragraphs: Annotated[int, Field(ge=1)]
    spoken_anew: Annotated[int, Field(ge=0)]
    """Paragraphs that had not been spoken before."""
    voice: str

    def partition_key(self) -> str:
        return self.article_id

    def correlation_key(self) -> str:
        return f"article:{self.article_id}"
