"""``lineal summarize``: the central sentences, dated facts and topics of documents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal.lineage.record import Artifact
from lineal_catalog.summaries.query import (
    MAX_SENTENCES,
    MAX_TOPICS,
    NothingToSummarize,
    document_texts,
    find_sources,
    summarize,
)
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings, pairs
from lineal_cli.printing import plain, print_json, short_id
from lineal_cli.reading import reading, reading_blobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineal_catalog.summaries.sentences import DocumentText


def summarize_documents(
    documents: Annotated[
        list[str] | None,
        typer.Argument(metavar="DOC...", help="Ids, unique beginnings of ids, or names."),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option("--search", metavar="TEXT", help="Those that a search finds."),
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="K=V", help="Those with a label.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Those of an owner.")] = None,
    sentences: Annotated[
        int, typer.Option(min=1, max=MAX_SENTENCES, help="Of the summary, at most.")
    ] = 5,
    topics: Annotated[int, typer.Option(min=0, max=MAX_TOPICS, help="At most; 0 for none.")] = 5,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Quote the main sentences, dated facts and topics of documents.

    Of the documents that are named, or found by --search, or by --label and --owner; without any,
    of all. Nothing is written anew: each sentence is quoted, with its document and page.
    """
    chosen = [bool(documents), query is not None, bool(labels) or owner is not None]
    if sum(chosen) > 1:
        raise typer.BadParameter("name documents, or search, or give labels and an owner")
    wanted = pairs(labels, "--label")
    with reading(data) as (connection, folder), reading_blobs(folder) as blobs:
        from lineal.store.objects import object_chunks

        def read(artifact: Artifact) -> bytes:
            return b"".join(object_chunks(connection, blobs, artifact.sha256))

        try:
            sources = find_sources(
                connection, documents or (), query=query, labels=wanted, owner=owner
            )
            texts = document_texts(sources, read)
            report = asyncio.run(_summarize(folder, texts, sentences, topics))
        except NothingToSummarize as error:
            raise CommandFailed(str(error)) from error
    if as_json:
        print_json(report)
    else:
        _print(report)


async def _summarize(
    folder: Path, texts: Sequence[DocumentText], sentences: int, topics: int
) -> dict[str, Any]:
    from lineal.workers.pool import worker_pool

    pool = worker_pool(load_settings(folder, workers=1))
    pool.start()
    try:
        return await summarize(pool, texts, sentences=sentences, topics=topics)
    finally:
        await pool.close()


def _print(report: dict[str, Any]) -> None:
    several = len(report["documents"]) > 1
    for heading, lines in (
        ("Summary", [_quoted(item, several) for item in report["summary"]]),
        ("Dates", [f"{x['date']}  {_quoted(x, several)}" for x in report["chronology"]]),
        ("Topics", [line for topic in report["topics"] for line in _topic(topic, several)]),
    ):
        if lines:
            typer.echo(f"{heading}:")
            for line in lines:
                typer.echo(f"  {line}")


def _topic(topic: dict[str, Any], several: bool) -> list[str]:
    head = f"{topic['share']:.0%}  {plain(', '.join(topic['terms']))}"
    return [head, *(f"     {_quoted(item, several)}" for item in topic["sentences"][:1])]


def _quoted(item: dict[str, Any], several: bool) -> str:
    place = f"p. {item['page']}"
    if several:
        place = f"{plain(item['name'])} ({short_id(item['document_id'])}), {place}"
    return f"{plain(item['text'])}  [{place}]"
