"""``lineal graph``: what documents mention, as a graph that is asked in SPARQL."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption
from lineal_cli.printing import plain, print_json, print_table, short_id
from lineal_cli.reading import reading

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What documents mention: concepts, whose documents mention them, and SPARQL.",
)

_MIN_SCORE = Annotated[
    float,
    typer.Option("--min-score", min=0, max=1, help="The lowest score that counts."),
]
_SHOWN = 0.7


@app.command()
def concepts(
    kind: Annotated[
        str | None, typer.Option(help="Only these: condition, medication, person, ...")
    ] = None,
    min_score: _MIN_SCORE = _SHOWN,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the concepts that documents mention, the most frequent first."""
    from lineal_catalog.graph.mentioned import list_concepts

    with reading(data) as (connection, _):
        found = list_concepts(connection, min_score=min_score, kind=kind, limit=limit)
    if as_json:
        print_json([item._asdict() for item in found])
        return
    print_table(
        ("concept", "name", "kind", "documents", "mentions"),
        [
            (item.concept, plain(item.name), item.kind, str(item.documents), str(item.mentions))
            for item in found
        ],
    )


@app.command()
def mentions(
    concept: Annotated[
        str, typer.Argument(metavar="CONCEPT", help="Its id or name, or words that mention it.")
    ],
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="CONCEPT", help="None of theirs affirms it; repeatable."),
    ] = None,
    polarity: Annotated[
        list[str] | None,
        typer.Option(
            help="How it is meant: affirmed (unless given), negated, historical, family, "
            "uncertain, or any; repeatable."
        ),
    ] = None,
    min_score: _MIN_SCORE = _SHOWN,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Whose documents mention CONCEPT, with page and place.

    A patient is whom the label of a document names; a document without one counts for itself.
    """
    from lineal_catalog.graph.mentioned import (
        POLARITIES,
        UnknownConcept,
        find_concept,
        mentions_of,
    )
    from lineal_catalog.graph.query import prepare

    meant = polarity or ["affirmed"]
    meant = list(POLARITIES) if "any" in meant else meant
    if not set(meant) <= set(POLARITIES):
        raise typer.BadParameter(f"one of {', '.join(POLARITIES)}, any", param_hint="--polarity")
    with reading(data) as (connection, folder):
        try:
            wanted = find_concept(connection, concept)
            unwanted = [_known(connection, item) for item in without or ()]
        except UnknownConcept as error:
            raise CommandFailed(str(error)) from error
        graphs = prepare(connection, folder / "graph", None)
    found = mentions_of(
        folder / "graph", graphs, wanted, unwanted, polarity=meant, min_score=min_score
    ).values()
    if as_json:
        print_json({"concept": wanted, "without": unwanted, "mentions": found})
        return
    for row in found:
        where = f"{short_id(row['document'])}, p. {row['page']}"
        typer.echo(f"{plain(row['name'])}: {plain(row['text'])} ({row['polarity']})  [{where}]")
    if not found:
        typer.echo("nobody's documents")


def _known(connection: object, wanted: str) -> str:
    """A concept that nobody need mention: nobody's documents affirm it then."""
    from lineal.store.connection import Connection
    from lineal_catalog.graph.mentioned import UnknownConcept, find_concept

    typed: Connection = connection  # type: ignore[assignment]
    try:
        return find_concept(typed, wanted)
    except UnknownConcept as error:
        if "several" in str(error):
            raise
        typer.echo(str(error), err=True)
        return wanted


@app.command()
def query(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A query in SPARQL 1.1; - for standard input.")
    ],
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="What $NAME stands for in the query; repeatable."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many rows at most.")] = 1000,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Then the query is ended.")] = 30.0,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the graph in SPARQL: it reads this graph, and changes and reads nothing else.

    Values are <IRI>s, numbers, true or false; anything else, or in double quotes, is text.
    """
    from lineal_catalog.graph.query import prepare, run_query

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{file} cannot be read: {error}") from error
    given = _pairs(values)
    with reading(data) as (connection, folder):
        graphs = prepare(connection, folder / "graph", None)
    found = run_query(folder / "graph", text, given, graphs, limit=limit, seconds=seconds)
    if as_json:
        print_json(found.as_json())
        return
    typer.echo(found.as_csv(), nl=False)
    if found.truncated:
        typer.echo(f"there are more than {limit:,} rows: --limit", err=True)


def _pairs(given: Sequence[str] | None) -> dict[str, str]:
    # Unlike labels, a value may hold anything, also nothing.
    found = {}
    for item in given or ():
        name, equals, value = item.partition("=")
        if not equals or not name.isidentifier():
            raise typer.BadParameter(f"{item!r} is not NAME=VALUE", param_hint="--set")
        found[name] = value
    return found


@app.command()
def rebuild(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Make the triples again from the rows of the store.

    Nobody has to: each query compares them first. It is for files that were damaged.
    """
    from lineal_catalog.graph.query import prepare
    from lineal_catalog.graph.triple_store import remove_triples

    with reading(data) as (connection, folder):
        remove_triples(folder / "graph")
        prepare(connection, folder / "graph", None)
        (count,) = connection.execute("SELECT count(*) FROM graph_documents").fetchone()
    if as_json:
        print_json({"documents": count})
    else:
        typer.echo(f"the graph has the triples of {count:,} documents")
