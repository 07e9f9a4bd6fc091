"""The summary, chronology and topics of documents, made in a worker process."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from lineal.stages import Reject
from lineal_catalog.summaries.ranking import rank
from lineal_catalog.summaries.sentences import (
    DocumentText,
    LoadedDocument,
    Sentence,
    find_sentences,
    split_sentences,
)
from lineal_catalog.summaries.topics import find_topics

METHOD = "lexrank+nmf/1"
_MAX_FACTS = 500
_CONTEXT = 300
"""Characters of a dated fact."""
_Json: TypeAlias = dict[str, Any]


def make_report(documents: Sequence[DocumentText], sentences: int, topics: int) -> _Json:
    """The report on documents as JSON: ``documents``, ``summary``, ``chronology``, ``topics``.

    Args:
        sentences: of the summary, at most.
        topics: at most; 0 for none.

    Raises:
        Reject: the libraries that this needs are not installed.
    """
    try:
        loaded = [LoadedDocument(document) for document in documents]
        found = find_sentences(loaded)
        ranked = rank(found, sentences)
        topical = find_topics(found, topics) if topics else []
    except ModuleNotFoundError as error:
        raise Reject(f"summaries need `pip install 'lineal[documents]'` ({error})") from error
    return {
        "method": METHOD,
        "documents": [
            {
                "document_id": document.document_id,
                "name": document.name,
                "language": one.language,
                "result": hashlib.sha256(document.result).hexdigest(),
                "analysis": None
                if document.analysis is None
                else hashlib.sha256(document.analysis).hexdigest(),
            }
            for document, one in zip(documents, loaded, strict=True)
        ],
        "summary": [_placed(loaded, item) | {"score": score} for item, score in ranked],
        "chronology": list(_chronology(loaded)),
        "topics": [
            {
                "terms": list(topic.terms),
                "share": topic.share,
                "documents": [
                    {"document_id": loaded[index].document_id, "share": share}
                    for index, share in topic.documents
                ],
                "sentences": [_placed(loaded, item) for item in topic.sentences],
            }
            for topic in topical
        ],
    }


def _placed(documents: Sequence[LoadedDocument], sentence: Sentence) -> _Json:
    document = documents[sentence.document]
    return _quoted(document, sentence.begin, sentence.end)


def _quoted(document: LoadedDocument, begin: int, end: int) -> _Json:
    place = document.place(begin, end)
    return {
        "text": " ".join(document.text[begin:end].split()),
        "document_id": document.document_id,
        "name": document.name,
        "page": place.page,
        "boxes": place.boxes,
        "begin": begin,
        "end": end,
    }


def _chronology(documents: Sequence[LoadedDocument]) -> Iterator[_Json]:
    """What documents say of dates, the earliest first; one date and sentence once."""
    facts = []
    for index, document in enumerate(documents):
        spans = list(split_sentences(document.text, document.language))
        begins = [begin for begin, _ in spans]
        seen = set()
        for entity in document.entities:
            if entity["type"] != "DATE" or not entity.get("value"):
                continue
            for begin, end, confidence in entity["occurrences"]:
                if begin >= len(document.text):
                    continue
                span = _around(document.text, spans, begins, begin, end)
                if (entity["value"], span) in seen:
                    continue
                seen.add((entity["value"], span))
                facts.append((entity["value"], index, span, confidence))
    for value, index, (begin, end), confidence in sorted(facts)[:_MAX_FACTS]:
        yield {"date": value, "confidence": confidence} | _quoted(documents[index], begin, end)


def _around(
    text: str, spans: Sequence[tuple[int, int]], begins: Sequence[int], begin: int, end: int
) -> tuple[int, int]:
    """The sentence that a date is in; of a longer one, or of a list, the line."""
    at = bisect_right(begins, begin) - 1
    if at >= 0 and spans[at][1] >= end and spans[at][1] - spans[at][0] <= _CONTEXT:
        return spans[at]
    first = text.rfind("\n", 0, begin) + 1
    last = text.find("\n", end)
    last = len(text) if last < 0 else last
    return max(first, begin - _CONTEXT // 2), min(last, end + _CONTEXT // 2)
