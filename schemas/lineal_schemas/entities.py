"""Payloads of the stage that finds what documents mention."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.documents import DocumentEvent
from lineal_schemas.objects import ObjectRef, Sha256
from lineal_schemas.results import Box

MentionPolarity = Literal["affirmed", "negated", "historical", "family", "uncertain"]
"""How what is mentioned is meant: it is there, now, of whom the text is about; denied; past; of the
family; only possible."""


class Mention(BaseModel):
    """A place of a document that mentions a concept."""

    model_config = ConfigDict(frozen=True)

    concept: str
    """Its id in the vocabulary; ``TYPE:...`` for an entity that the analysis found."""
    name: str
    kind: str
    text: str
    """As it stands in the document."""
    page: Annotated[int, Field(ge=1)]
    begin: Annotated[int, Field(ge=0)]
    """Offset in the document's text, in code points, as ``end``."""
    end: Annotated[int, Field(ge=0)]
    boxes: tuple[Box, ...] = ()
    """In fractions of the page, one for each line; none where the file has no pages of its own."""
    score: Annotated[float, Field(ge=0, le=1)]
    """How sure it is that this concept is meant, with how sure the words were read."""
    polarity: tuple[MentionPolarity, ...]


class Mentions(BaseModel):
    """The object of :class:`EntitiesFound`."""

    model_config = ConfigDict(frozen=True)

    mentions: tuple[Mention, ...]


class EntitiesFound(DocumentEvent, type="entities.found", version=1):
    """What a document mentions is known, and how it is meant."""

    mentions: ObjectRef
    """JSON of :class:`Mentions`: it may hold personal data, and this event does not."""
    count: Annotated[int, Field(ge=0)]
    affirmed: Annotated[int, Field(ge=0)]
    negated: Annotated[int, Field(ge=0)]
    vocabulary_sha256: Sha256
