"""The interfaces of the language stage's engines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lineal_schemas.results import DocumentClass, Entity, KeyPhrase


@dataclass(frozen=True, slots=True)
class PageText:
    """A page's text, or a part of a page that is too long to be analysed in one piece."""

    text: str
    language: str
    """ISO 639-1 code, or ``und``."""
    region: str
    """ISO 3166 country whose conventions count where the language leaves it open."""
    day_first: bool | None = None
    """Whether the document writes the day before the month; None: as the region does."""


class Mention(NamedTuple):
    """Something recognised at one place; offsets are code points of the page's text."""

    type: str
    begin: int
    end: int
    confidence: float
    key: str
    """Normalised text: mentions with the same type and key are the same entity."""
    value: str | None = None


class LanguageDetector(Protocol):
    def detect(self, text: str) -> tuple[str, float]:
        """The text's language (ISO 639-1, or ``und``) and how sure that is, 0 to 1."""
        ...


class KeyPhraseExtractor(Protocol):
    def extract(self, pages: Sequence[str], language: str) -> tuple[KeyPhrase, ...]:
        """The most characteristic phrases of a document, best first."""
        ...


class Recognizer(Protocol):
    def recognize(self, page: PageText) -> Iterable[Mention]:
        """Everything of its types on the page. Time must grow linearly with the text."""
        ...


class DocumentClassifier(Protocol):
    def classify(self, pages: Sequence[str], entities: Sequence[Entity]) -> DocumentClass:
        """The kind of document, ``other`` when nothing speaks for any."""
        ...
