"""Which documents a question is about, and the report on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lineal.errors import LinealError
from lineal.lineage.record import Artifact
from lineal.store.connection import Connection
from lineal_catalog.documents.queries import DocumentInfo, find_document, list_documents
from lineal_catalog.documents.renditions import ANALYSIS, find_renditions
from lineal_catalog.search.entries import search

if TYPE_CHECKING:
    from lineal.stages.services import Workers
    from lineal_catalog.summaries.sentences import DocumentText

MAX_DOCUMENTS = 200
MAX_SENTENCES, MAX_TOPICS = 100, 30
MAX_BYTES = 32 << 20
"""Of the stored results of all documents together."""
_SECONDS = 120.0
_PROCESSOR_SECONDS = 40.0
_HITS = 1_000


class NothingToSummarize(LinealError, LookupError):
    """No document answers the question, or none of them was read; or it is about too many."""


class SummarySource:
    """A document, and what was read of it."""

    def __init__(self, info: DocumentInfo, result: Artifact, analysis: Artifact | None) -> None:
        self.info, self.result, self.analysis = info, result, analysis


def find_sources(
    connection: Connection,
    documents: Sequence[str] = (),
    *,
    query: str | None = None,
    labels: Mapping[str, str] | None = None,
    owner: str | None = None,
    names: Collection[str] | None = None,
) -> list[SummarySource]:
    """The documents that are named, or found by a search, or have labels and an owner.

    Args:
        names: those of who asks, who gets only what they may see; None: an owner.

    Raises:
        UnknownDocument: one that is named does not exist.
        NothingToSummarize
    """
    if documents:
        found = [find_document(connection, wanted, names=names) for wanted in documents]
    elif query is not None:
        hits = search(connection, query, limit=_HITS, names=names)
        ids = list(dict.fromkeys(hit.document_id for hit in hits))[: MAX_DOCUMENTS + 1]
        found = [find_document(connection, id, names=names) for id in ids]
    else:
        found = list_documents(
            connection, labels=labels, owner=owner, limit=MAX_DOCUMENTS + 1, names=names
        )
    unique = list({info.document_id: info for info in found}.values())
    if len(unique) > MAX_DOCUMENTS:
        raise NothingToSummarize(
            f"more than {MAX_DOCUMENTS} documents are meant: name some, or search for less"
        )
    sources = []
    for info in unique:
        renditions = find_renditions(connection, info.document_id)
        if "json" in renditions:
            sources.append(SummarySource(info, renditions["json"], renditions.get(ANALYSIS)))
    if not sources:
        raise NothingToSummarize("none of these documents was read" if unique else "no document")
    if sum(source.result.bytes for source in sources) > MAX_BYTES:
        raise NothingToSummarize(
            f"these documents hold more than {MAX_BYTES >> 20} MB of results: name fewer"
        )
    return sources


def document_texts(
    sources: Sequence[SummarySource], read: Callable[[Artifact], bytes]
) -> list[DocumentText]:
    """What is summed up of documents, read from where it is stored."""
    from lineal_catalog.summaries.sentences import DocumentText

    return [
        DocumentText(
            source.info.document_id,
            source.info.name,
            read(source.result),
            None if source.analysis is None else read(source.analysis),
        )
        for source in sources
    ]


async def summarize(
    workers: Workers, texts: Sequence[DocumentText], *, sentences: int, topics: int
) -> dict[str, Any]:
    """The report on documents (:func:`lineal_catalog.summaries.report.make_report`), made in a
    worker process in bounded time.

    Raises:
        NothingToSummarize: it cannot be made; says why.
    """
    from lineal.stages import Reject
    from lineal.workers.costs import Cost, cost_kind
    from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
    from lineal.workers.fair_queue import Caller
    from lineal_catalog.summaries.report import make_report

    size = sum(len(text.result) for text in texts)
    try:
        return await workers.run(
            make_report,
            list(texts),
            sentences,
            topics,
            caller=Caller("summaries", texts[0].document_id),
            seconds=_SECONDS,
            cost=Cost(kind=cost_kind("summary", size), limit=_PROCESSOR_SECONDS),
        )
    except Reject as error:
        raise NothingToSummarize(str(error)) from error
    except WorkerTimeout as error:
        raise NothingToSummarize("this takes too long: name fewer documents") from error
    except (WorkerOutOfMemory, WorkerCrashed) as error:
        raise NothingToSummarize(f"this cannot be summed up: {error}") from error
