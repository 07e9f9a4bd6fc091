"""Payloads of sentence match: which sentences of a text say the same as another one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.objects import Sha256
from lineal_schemas.payload import Payload

PolarityName = Literal["affirmed", "negated", "historical", "family", "uncertain"]
_MAX_TEXT = 60_000
_Share = Annotated[float, Field(ge=0, le=1)]


class MatchEvent(Payload):
    """What all events of one match have in common."""

    model_config = ConfigDict(protected_namespaces=())

    request_id: str
    document_id: str | None = None
    """The document that is looked at; None where the request brought a text."""

    def partition_key(self) -> str:
        return self.request_id

    def correlation_key(self) -> str:
        if self.document_id is not None:
            return f"document:{self.document_id}"
        return f"match:{self.request_id}"


class MatchRequested(MatchEvent, type="match.requested", version=1):
    """Find the sentences of a text, or of a document, that say the same as this one."""

    sentence: Annotated[str, Field(min_length=1, max_length=2_000)]
    text: Annotated[str, Field(max_length=_MAX_TEXT)] | None = None


class MatchedSentence(BaseModel):
    """A sentence beside the one that was asked for."""

    model_config = ConfigDict(frozen=True)

    text: str
    begin: Annotated[int, Field(ge=0)]
    """Offset in the text, in code points, as ``end``."""
    end: Annotated[int, Field(ge=0)]
    page: Annotated[int, Field(ge=1)]
    similarity: float
    p: _Share
    """How often sentences of this corpus that have nothing to do with each other are at least as
    similar."""
    p_text: _Share | None = None
    """How often any of so many sentences as this text has would be: what says whether the
    best of many is similar. Messages of before have none."""
    polarity: tuple[PolarityName, ...]
    """How what both speak of is meant here."""


class NullDistribution(BaseModel):
    """The similarities of unrelated sentences that ``p`` is read from."""

    model_config = ConfigDict(frozen=True)

    corpus: Literal["text", "reference"]
    """The sentences of the text itself, or of the reference texts where it has too few."""
    pairs: Annotated[int, Field(ge=1)]
    quantiles: tuple[float, ...]
    """At 0.5, 0.9, 0.95, 0.99 and 1."""
    sha256: Sha256
    """Of all similarities, in order: the same corpus and model give the same."""


class MatchMade(MatchEvent, type="match.made", version=1):
    """The sentences that say the same, and those that say something else of the same thing."""

    sentence: str
    polarity: tuple[PolarityName, ...]
    matches: tuple[MatchedSentence, ...]
    """Of the same polarity, the best first: five at most."""
    contrary: tuple[MatchedSentence, ...]
    """About the same thing, in another polarity: never a match, however similar."""
    engine: str
    model_version: str
    model_sha256: Sha256
    null: NullDistribution
