"""``lineal ask``: quotes the sentences of documents that answer a question."""

from __future__ import annotations

from typing import Annotated

import typer

from lineal.lineage.record import Artifact
from lineal_catalog.meaning.answers import find_answers, places_of, results_of
from lineal_catalog.meaning.search import NothingEmbedded
from lineal_cli.options import CommandFailed, DataOption, JsonOption, pairs
from lineal_cli.printing import plain, print_json, short_id
from lineal_cli.reading import reading, reading_blobs

NOTHING_FOUND = "nothing found"


def ask(
    question: Annotated[list[str], typer.Argument(metavar="QUESTION", help="In words.")],
    limit: Annotated[int, typer.Option(min=1, max=20, help="How many sentences at most.")] = 3,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", metavar="K=V", help="Only documents as `lineal search` filters."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Quote the sentences that answer a question, with document, page and place.

    Nothing is written anew. Where no sentence is near enough to the question, it says so.
    """
    wanted = pairs(filters, "--filter")
    with reading(data) as (connection, folder), reading_blobs(folder) as blobs:
        from lineal.store.objects import object_chunks

        def read(artifact: Artifact) -> bytes:
            return b"".join(object_chunks(connection, blobs, artifact.sha256))

        try:
            answers = find_answers(connection, " ".join(question), limit=limit, filters=wanted)
        except NothingEmbedded as error:
            raise CommandFailed(str(error)) from error
        places = places_of(answers, results_of(connection, answers), read)
        shown = [
            answer.as_json() | {"page": place.page, "boxes": place.boxes}
            for answer, place in zip(answers, places, strict=True)
        ]
    if as_json:
        print_json({"question": " ".join(question), "answers": shown})
        return
    for item in shown:
        document = f"{plain(item['name'])} ({short_id(item['document_id'])})"
        typer.echo(f"{plain(item['text'])}  [{document}, p. {item['page']}]")
    if not shown:
        typer.echo(NOTHING_FOUND)
