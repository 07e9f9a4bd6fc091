"""Runs the engines of the language stage over a text, in order, and collects the ``Analysis``.

Runs in a worker process. Texts are looked at page by page, so nothing found ever spans a page and
the work grows linearly with the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal.stages import Reject
from lineal_consumers.nlp.config import NlpConfig
from lineal_consumers.nlp.engines import (
    DocumentClassifier,
    KeyPhraseExtractor,
    LanguageDetector,
    Mention,
    PageText,
    Recognizer,
)
from lineal_consumers.nlp.grouping import group
from lineal_consumers.nlp.overlaps import without_overlaps
from lineal_consumers.nlp.region import document_region
from lineal_consumers.nlp.trained_class import TrainedClasses
from lineal_learning.documents.terms import ReadDocument, read_document, text_document
from lineal_schemas.class_evidence import ClassEvidence
from lineal_schemas.results import PAGE_SEPARATOR, Analysis, ClassDoubt, DocumentClass

if TYPE_CHECKING:
    from lineal_learning.documents.class_model import ClassModel

_MAX_SPAN = 20_000


class AnalyzedObject(NamedTuple):
    """An analysis to be stored, and the fields of its event."""

    data: bytes
    """Gzipped JSON of an :class:`Analysis`."""
    language: str
    document_class: str
    class_confidence: float
    class_doubt: ClassDoubt | None
    class_evidence: ClassEvidence | None
    personal_data: bool


def analyze_object(
    text: bytes,
    config: NlpConfig,
    classifier: Path | None = None,
    result: Path | None = None,
) -> AnalyzedObject:
    """Analyse a text object (UTF-8, pages separated by form feeds).

    Args:
        classifier: file of the trained model that says the document's class; None: the rules do.
        result: of the reading, for a model that goes by where words stand.

    Raises:
        Reject: the bytes are not UTF-8, or the file is no text classifier.
    """
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise Reject(f"the text object is not UTF-8 (byte {error.start})") from error
    analysis = analyze_text(decoded, config, classifier, result)
    return AnalyzedObject(
        data=analysis.to_gzip(),
        language=analysis.language,
        document_class=analysis.document_class.name,
        class_confidence=analysis.document_class.confidence,
        class_doubt=analysis.document_class.doubt,
        class_evidence=analysis.document_class.evidence,
        personal_data=any(entity.personal for entity in analysis.entities),
    )


def analyze_text(
    text: str,
    config: NlpConfig,
    classifier: Path | None = None,
    result: Path | None = None,
) -> Analysis:
    """Everything found in a text; the same text, config and classifier always give the same
    analysis.

    Offsets are code points of ``text``.
    """
    engines = _engines(config)
    document_class = engines.document_class
    if classifier is not None:
        read = text_document(text) if result is None else _read(result)
        document_class = TrainedClasses(
            _trained(classifier), read, config.class_error_rate, config.class_model or ""
        )
    pages = _plain(text).split(PAGE_SEPARATOR)
    language, language_confidence = (
        engines.language.detect(text) if engines.language else ("und", 0.0)
    )
    region = document_region(text, config.region)
    mentions: list[Mention] = []
    for begin, span in _spans(pages):
        page = PageText(span, language, region.country, region.day_first)
        found = [
            mention for recognizer in engines.recognizers for mention in recognizer.recognize(page)
        ]
        mentions.extend(
            mention._replace(begin=mention.begin + begin, end=mention.end + begin)
            for mention in without_overlaps(found)
        )
    entities = group(text, mentions)
    return Analysis(
        language=language,
        language_confidence=language_confidence,
        document_class=(
            document_class.classify(pages, entities)
            if document_class
            else DocumentClass(name="other", confidence=0.0)
        ),
        key_phrases=engines.key_phrases.extract(pages, language) if engines.key_phrases else (),
        entities=entities,
    )


def _plain(text: str) -> str:
    """The text with one kind of line end, space and hyphen; every character keeps its place."""
    for special, plain in (("\r\n", " \n"), ("\r", "\n"), ("\u00a0", " "), ("\u2011", "-")):
        text = text.replace(special, plain)
    return text


def _spans(pages: list[str]) -> Iterator[tuple[int, str]]:
    """Pages with where they begin; those without end (a page of a log file) in pieces, cut
    between lines or words where there are any."""
    offset = 0
    for page in pages:
        begin = 0
        while len(page) - begin > _MAX_SPAN:
            limit = begin + _MAX_SPAN
            cut = max(page.rfind("\n", begin, limit), page.rfind(" ", limit - 1_000, limit)) + 1
            end = cut if cut > begin else limit
            yield offset + begin, page[begin:end]
            begin = end
        if begin < len(page):
            yield offset + begin, page[begin:]
        offset += len(page) + len(PAGE_SEPARATOR)


def _read(result: Path) -> ReadDocument:
    try:
        return read_document(result.read_bytes())
    except ValueError as error:
        raise Reject(str(error)) from error


@lru_cache(maxsize=2)
def _trained(file: Path) -> ClassModel:
    """A model's file is named by its digest: the same path is the same model."""
    from lineal_learning.documents.class_model import ClassModel, ModelFileError

    try:
        return ClassModel(file.read_bytes())
    except ModelFileError as error:
        raise Reject(f"the model in use is no text classifier: {error}") from error


class _Engines(NamedTuple):
    language: LanguageDetector | None
    key_phrases: KeyPhraseExtractor | None
    recognizers: tuple[Recognizer, ...]
    document_class: DocumentClassifier | None


@lru_cache(maxsize=4)
def _engines(config: NlpConfig) -> _Engines:
    """The engines a config asks for; one left out is not even imported."""
    from lineal_consumers.nlp.document_class import RuleClassifier
    from lineal_consumers.nlp.key_phrases import StatisticalExtractor
    from lineal_consumers.nlp.language import LangidDetector

    return _Engines(
        language=LangidDetector() if config.language == "py3langid" else None,
        key_phrases=(
            StatisticalExtractor(config.key_phrase_count)
            if config.key_phrases == "statistical"
            else None
        ),
        recognizers=tuple(_recognizers(config)),
        document_class=RuleClassifier() if config.document_class == "rules" else None,
    )


def _recognizers(config: NlpConfig) -> Iterator[Recognizer]:
    for name in config.personal_data:
        if name == "emails":
            from lineal_consumers.nlp.personal.emails import EmailRecognizer

            yield EmailRecognizer()
        elif name == "numbers":
            from lineal_consumers.nlp.personal.numbers import NumberRecognizer

            yield NumberRecognizer()
        elif name == "phones":
            from lineal_consumers.nlp.personal.phones import PhoneRecognizer

            yield PhoneRecognizer()
        elif name == "people":
            from lineal_consumers.nlp.personal.people import PeopleRecognizer

            yield PeopleRecognizer(in_prose=config.names_in_prose)
        elif name == "addresses":
            from lineal_consumers.nlp.personal.addresses import AddressRecognizer

            yield AddressRecognizer()
    for entity in config.entities:
        if entity == "internet":
            from lineal_consumers.nlp.entities.internet import InternetRecognizer

            yield InternetRecognizer()
        elif entity == "dates":
            from lineal_consumers.nlp.entities.dates import DateRecognizer

            yield DateRecognizer()
        elif entity == "money":
            from lineal_consumers.nlp.entities.money import MoneyRecognizer

            yield MoneyRecognizer()
        elif entity == "organizations":
            from lineal_consumers.nlp.entities.organizations import OrganizationRecognizer

            yield OrganizationRecognizer()
