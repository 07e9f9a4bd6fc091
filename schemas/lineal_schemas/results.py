"""The stored results of documents: ``TextResult`` and ``Analysis``.

Offsets are counted in code points of ``TextResult.text``; they are the join from an entity to
words, to boxes, to a redaction. Geometry and confidences are fractions from 0 to 1, measured from
the top left of the page as it is seen (after its rotation).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from lineal_schemas.class_evidence import ClassEvidence
from lineal_schemas.documents import DoubtPlace, PageMethod


class Word(NamedTuple):
    """A word with its place in the text and on the page; an array on the wire, to keep it small."""

    begin: int
    end: int
    confidence: float
    left: float
    top: float
    width: float
    height: float
    line: int
    """Index of the word's line within its page."""


R = TypeVar("R", bound="_Result")


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)

    def to_gzip(self) -> bytes:
        """Gzipped JSON; the same result always gives the same bytes."""
        return gzip.compress(self.model_dump_json().encode(), compresslevel=6, mtime=0)

    @classmethod
    def from_gzip(cls: type[R], data: bytes) -> R:
        """Read what :meth:`to_gzip` wrote."""
        return cls.model_validate_json(gzip.decompress(data))


class Box(NamedTuple):
    left: float
    top: float
    width: float
    height: float


class KeyValue(BaseModel):
    """A labelled value of a form."""

    model_config = ConfigDict(frozen=True)

    key: str
    value: str
    confidence: float
    key_box: Box | None = None
    value_box: Box | None = None
    reviewed: bool = False
    """Whether a person has said so."""


class Table(BaseModel):
    """A table as rows of cell texts; every row has the same number of cells."""

    model_config = ConfigDict(frozen=True)

    rows: tuple[tuple[str, ...], ...]
    confidence: float
    title: str | None = None
    box: Box | None = None


class PageQuality(BaseModel):
    """Cheap signals of how far a recognised page can be trusted.

    Mean confidence is not among them: it does not find missed text.
    """

    model_config = ConfigDict(frozen=True)

    low_confidence_share: float
    """Share of words with a confidence under 0.6."""
    ink_coverage: float
    """Share of the page's ink that lies inside word boxes."""
    background_ratio: float
    """2nd over 98th percentile of the background's brightness: uneven light is low."""


class Page(BaseModel):
    model_config = ConfigDict(frozen=True)

    number: int
    """From 1, within the document."""
    begin: int
    end: int
    """The page's text is ``text[begin:end]`` of its result."""
    width: float
    height: float
    """Size in points (1/72 inch) as seen; 0 where a file has no pages of its own."""
    source: PageMethod
    dpi: int | None = None
    rotation: int = 0
    """Degrees clockwise the stored page had to be turned to be upright: 0, 90, 180, 270."""
    skew: float = 0.0
    """Degrees clockwise the text lines were off the horizontal."""
    language: str | None = None
    """Of a recognised page: Tesseract's name of the language it was read in."""
    engine: str | None = None
    """Of a recognised page: the name of the engine that read it."""
    quality: PageQuality | None = None
    words: tuple[Word, ...] = ()
    key_values: tuple[KeyValue, ...] = ()
    tables: tuple[Table, ...] = ()
    doubts: tuple[str, ...] = ()
    """Why a person should look at this page; empty for a trusted one."""
    doubt_places: tuple[DoubtPlace, ...] = ()
    """Where, for those doubts that have a place."""

    def moved(self, offset: int) -> Page:
        """The page with its text begun ``offset`` code points later; without validation, which
        would cost more than all else."""
        if offset == 0:
            return self
        return self.model_copy(
            update={
                "begin": self.begin + offset,
                "end": self.end + offset,
                "words": tuple(
                    Word(word[0] + offset, word[1] + offset, *word[2:]) for word in self.words
                ),
            }
        )


class Engine(BaseModel):
    """What read the pages, precisely enough to do it again."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    language: str | None = None
    parameters: dict[str, str] = {}


PAGE_SEPARATOR = "\f"


class TextResult(_Result):
    """The text of a document or of some of its pages, with everything found about its layout."""

    engines: tuple[Engine, ...]
    text: str
    pages: tuple[Page, ...]

    @classmethod
    def join(cls, parts: Iterable[TextResult]) -> TextResult:
        """One result from those of consecutive page ranges, offsets moved accordingly."""
        texts: list[str] = []
        pages: list[Page] = []
        engines: list[Engine] = []
        offset = 0
        for part in parts:
            pages.extend(page.moved(offset) for page in part.pages)
            engines.extend(engine for engine in part.engines if engine not in engines)
            texts.append(part.text)
            offset += len(part.text) + len(PAGE_SEPARATOR)
        return cls(engines=tuple(engines), text=PAGE_SEPARATOR.join(texts), pages=tuple(pages))


class Span(NamedTuple):
    """One place in the text where something was found."""

    begin: int
    end: int
    confidence: float


class KeyPhrase(BaseModel):
    model_config = ConfigDict(frozen=True)

    text: str
    score: float
    """0 to 1, higher is more characteristic of the document."""


class Entity(BaseModel):
    """An entity named in the text, with all its occurrences."""

    model_config = ConfigDict(frozen=True)

    type: str
    """``EMAIL``, ``PHONE``, ``US_SSN``, ``IBAN``, ``CREDIT_CARD``, ``PERSON``, ``DATE``, ..."""
    text: str
    value: str | None = None
    """The normalised value where there is one: an ISO date, an amount with its currency."""
    personal: bool
    """Whether it is personal data."""
    occurrences: tuple[Span, ...]


ClassDoubt = Literal["unsure", "unknown"]
"""Why a person should look at a class: the model is not sure enough for the stated rate of errors;
or the document is like none that was taught."""


class DocumentClass(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    confidence: float
    classifier: Literal["rules", "model"] = "rules"
    reviewed: bool = False
    """Whether a person has said so; the classifier had said something else, or the same."""
    doubt: ClassDoubt | None = None
    evidence: ClassEvidence | None = None


class Analysis(_Result):
    """What was found in a document's text."""

    language: str
    language_confidence: float
    document_class: DocumentClass
    key_phrases: tuple[KeyPhrase, ...]
    entities: tuple[Entity, ...]
