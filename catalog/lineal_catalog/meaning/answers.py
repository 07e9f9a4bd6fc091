"""Quotes the sentences that answer a question. Nothing is written anew: each stands in a document,
and its place is given; where no sentence is near enough, there is no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineal.lineage.record import Artifact
from lineal.store.connection import Connection
from lineal_catalog.documents.renditions import find_renditions
from lineal_catalog.meaning.engines import engine_of
from lineal_catalog.meaning.search import Passage, find_passages
from lineal_catalog.meaning.word_ranking import WordRanking, stems
from lineal_catalog.summaries.sentences import (
    DocumentText,
    LoadedDocument,
    Place,
    split_sentences,
)

_PASSAGES = 20
"""Paragraphs whose words say how rare a word is."""
_READ = 6
"""Paragraphs that are read sentence by sentence."""
_MIN_WORDS = 3
_FAR = 0.6
"""A sentence that is so much less near than the best one is no answer."""


@dataclass(frozen=True, slots=True)
class _Nearness:
    """From where on a model's vectors and shared words say that something answers."""

    cosine: float
    cosine_weight: float
    words_weight: float
    least: float


_NEARNESS = {
    "minilm": _Nearness(cosine=0.30, cosine_weight=1.0, words_weight=0.35, least=0.5),
    "classical": _Nearness(cosine=0.0, cosine_weight=0.5, words_weight=1.0, least=0.5),
}
"""Cosines of different models are not alike: each has its own scale."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A sentence that answers, and where it stands."""

    document_id: str
    name: str
    page: int
    begin: int
    """Offset in the document's text, in code points, as ``end``."""
    end: int
    text: str
    score: float
    """Higher is better; comparable between answers by one model."""
    model: str

    def as_json(self) -> dict[str, Any]:
        """Its fields."""
        return {name: getattr(self, name) for name in self.__slots__}


def find_answers(
    connection: Connection,
    question: str,
    *,
    limit: int = 3,
    filters: Mapping[str, str] | None = None,
    names: Collection[str] | None = None,
    folder: Path | None = None,
) -> list[Answer]:
    """The sentences that answer a question, the best first; none where nothing does.

    Args:
        limit: so many at most, each of another paragraph.
        filters, names, folder: as of :func:`lineal_catalog.meaning.search.find_passages`.

    Raises:
        NothingEmbedded: there is nothing to search.
    """
    passages = find_passages(
        connection, question, limit=_PASSAGES, filters=filters, names=names, folder=folder
    )
    ranking = WordRanking([f"{item.heading} {item.text}" for item in passages])
    answers = []
    for passage in passages[:_READ]:
        answer = _best_sentence(question, passage, ranking)
        if answer is not None:
            answers.append(answer)
    answers.sort(key=lambda answer: -answer.score)
    near = [answer for answer in answers if answer.score >= _FAR * answers[0].score]
    return near[:limit]


def _best_sentence(question: str, passage: Passage, ranking: WordRanking) -> Answer | None:
    spans = [
        (begin, end)
        for begin, end in split_sentences(passage.text)
        if len(passage.text[begin:end].split()) >= _MIN_WORDS
    ]
    if not spans:
        return None
    engine = engine_of(passage.model)
    rule = _NEARNESS[engine.model.name]
    sentences = [passage.text[begin:end] for begin, end in spans]
    vectors = engine.embed([question, passage.embedded_text, *sentences])
    # A sentence is understood in its paragraph: both count.
    near = 0.5 * (vectors[1:] @ vectors[0])[0] + 0.5 * (vectors[2:] @ vectors[0])
    shared = [_shared(question, f"{passage.heading} {text}", ranking) for text in sentences]
    whole = _shared(question, passage.embedded_text, ranking)
    scores = [
        rule.cosine_weight * float(cosine) + rule.words_weight * (0.5 * words + 0.5 * whole)
        for cosine, words in zip(near, shared, strict=True)
    ]
    best = max(range(len(spans)), key=lambda number: scores[number])
    if scores[best] < rule.least or float(near[best]) < rule.cosine:
        return None
    begin, end = spans[best]
    return Answer(
        passage.document_id,
        passage.name,
        passage.page,
        passage.begin + begin,
        passage.begin + end,
        " ".join(passage.text[begin:end].split()),
        round(scores[best], 4),
        passage.model,
    )


def _shared(question: str, text: str, ranking: WordRanking) -> float:
    """The share of the question's words, by their rarity, that a text has: 0 to 1."""
    wanted = set(stems(question))
    there = set(stems(text))
    total = sum(ranking.rarity(stem) for stem in wanted)
    return sum(ranking.rarity(stem) for stem in wanted & there) / total if total else 0.0


def results_of(connection: Connection, answers: Sequence[Answer]) -> dict[str, Artifact]:
    """Of the documents of answers, what was read of each: it says where words stand."""
    found = {}
    for document_id in dict.fromkeys(answer.document_id for answer in answers):
        renditions = find_renditions(connection, document_id)
        if "json" in renditions:
            found[document_id] = renditions["json"]
    return found


def places_of(
    answers: Sequence[Answer], results: Mapping[str, Artifact], read: Callable[[Artifact], bytes]
) -> list[Place]:
    """Where each answer stands on its page.

    Args:
        results: those of :func:`results_of`.
        read: the bytes of one.
    """
    loaded = {
        document_id: LoadedDocument(DocumentText(document_id, "", read(artifact), None))
        for document_id, artifact in results.items()
    }
    return [
        loaded[answer.document_id].place(answer.begin, answer.end)
        if answer.document_id in loaded
        else Place(answer.page, [])
        for answer in answers
    ]
