"""``lineal search``: searches the pages of documents, by their words or by what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from lineal_catalog.search.entries import MARK_BEGIN, MARK_END, Hit
from lineal_catalog.search.entries import search as find_pages
from lineal_catalog.search.query import query_problem
from lineal_cli.options import CommandFailed, DataOption, JsonOption, pairs
from lineal_cli.printing import console, on_terminal, plain, print_json, print_table
from lineal_cli.reading import reading

_UNMARKED = str.maketrans("", "", MARK_BEGIN + MARK_END)


def search(
    text: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT",
            help='Words that must all occur; "a phrase", begin*, AND, OR, NOT and ( ) combine.',
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, help="How many pages at most.")] = 20,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="K=V",
            help="Only documents of this owner, name, class, language, media_type or label; "
            "several must all hold.",
        ),
    ] = None,
    like: Annotated[
        bool,
        typer.Option(
            "--like", help="Find paragraphs that mean the like of TEXT, whatever their words."
        ),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find pages by their text."""
    wanted = pairs(filters, "--filter")
    if like:
        _search_like(" ".join(text), limit, wanted, data, as_json)
        return
    query = " ".join(text)
    if problem := query_problem(query):
        raise typer.BadParameter(problem, param_hint="TEXT")
    with reading(data) as (connection, _):
        hits = find_pages(connection, query, limit=limit, filters=wanted)
    if as_json:
        print_json(
            [
                {
                    "document_id": hit.document_id,
                    "name": hit.name,
                    "page": hit.page,
                    "score": hit.score,
                    "snippet": _one_line(hit.snippet).translate(_UNMARKED),
                }
                for hit in hits
            ]
        )
    elif not on_terminal():
        columns = ("document_id", "name", "page", "score", "snippet")
        print_table(columns, [_cells(hit) for hit in hits])
    elif hits:
        _print_hits(hits)
    else:
        typer.echo("No page has this.", err=True)


def _search_like(
    text: str, limit: int, filters: Mapping[str, str], data: Path | None, as_json: bool
) -> None:
    from lineal_catalog.meaning.search import NothingEmbedded, find_passages

    with reading(data) as (connection, _):
        try:
            passages = find_passages(connection, text, limit=limit, filters=filters)
        except NothingEmbedded as error:
            raise CommandFailed(str(error)) from error
    hits = [
        Hit(item.document_id, item.name, item.page, item.score, item.snippet) for item in passages
    ]
    if as_json:
        print_json([item.as_json() for item in passages])
    elif on_terminal() and hits:
        _print_hits(hits)
    elif on_terminal():
        typer.echo("No paragraph is like this.", err=True)
    else:
        columns = ("document_id", "name", "page", "score", "snippet")
        print_table(columns, [_cells(hit) for hit in hits])


def _cells(hit: Hit) -> tuple[str, ...]:
    snippet = _one_line(hit.snippet).translate(_UNMARKED)
    return (hit.document_id, hit.name, str(hit.page), f"{hit.score:.3f}", snippet)


def _one_line(snippet: str) -> str:
    return " ".join(snippet.split())


def _print_hits(hits: list[Hit]) -> None:
    from rich.text import Text

    out = console()
    for hit in hits:
        head = Text(plain(hit.name), "bold cyan")
        head.append(f"  page {hit.page}", "default")
        head.append(f"  {hit.document_id}", "dim")
        body = Text("  ")
        for number, part in enumerate(_one_line(hit.snippet).split(MARK_BEGIN)):
            marked, end, rest = part.partition(MARK_END) if number else ("", "", part)
            body.append(plain(marked), "bold yellow")
            body.append(plain(rest if end or not number else ""))
        out.print(head, body, sep="\n")
