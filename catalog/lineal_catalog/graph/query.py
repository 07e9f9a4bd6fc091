"""Asks the graph: who may see which documents, and a process that runs the query."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal.workers.sandbox import clean_environment
from lineal_catalog.graph.sparql import BadQuery, Value, bind
from lineal_catalog.graph.triple_store import reading_triples, refresh_triples
from lineal_catalog.graph.triples import PREFIXES, about_iri, concept_iri, document_iri
from lineal_catalog.search.filters import filter_clauses

Term = Mapping[str, str]
MAX_ROWS = 10_000
MAX_SECONDS = 30.0


class QueryTooCostly(LinealError, RuntimeError):
    """A query that took more time or memory than it may."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """An answer: rows of a SELECT, triples of a CONSTRUCT or DESCRIBE, or the truth of an ASK."""

    variables: tuple[str, ...] = ()
    rows: tuple[tuple[Term | None, ...], ...] = ()
    triples: tuple[tuple[Term, ...], ...] | None = None
    boolean: bool | None = None
    truncated: bool = False
    """Whether there are more rows than were asked for."""

    def as_json(self) -> dict[str, Any]:
        """SPARQL 1.1 Query Results JSON Format (https://www.w3.org/TR/sparql11-results-json/);
        triples as rows of subject, predicate and object."""
        if self.boolean is not None:
            return {"head": {}, "boolean": self.boolean}
        variables, rows = self._table()
        bindings = [
            {name: value for name, value in zip(variables, row, strict=True) if value is not None}
            for row in rows
        ]
        found: dict[str, Any] = {"head": {"vars": variables}, "results": {"bindings": bindings}}
        return found | {"truncated": True} if self.truncated else found

    def as_csv(self) -> str:
        """SPARQL 1.1 Query Results CSV (https://www.w3.org/TR/sparql11-results-csv-tsv/)."""
        if self.boolean is not None:
            return f"boolean\r\n{str(self.boolean).lower()}\r\n"
        variables, rows = self._table()
        made = io.StringIO()
        writer = csv.writer(made)
        writer.writerow(variables)
        writer.writerows(["" if value is None else value["value"] for value in row] for row in rows)
        return made.getvalue()

    def values(self) -> list[dict[str, str]]:
        """The values of each row by the names of their variables."""
        variables, rows = self._table()
        return [
            {
                name: value["value"]
                for name, value in zip(variables, row, strict=True)
                if value is not None
            }
            for row in rows
        ]

    def _table(self) -> tuple[Sequence[str], Sequence[Sequence[Term | None]]]:
        if self.triples is not None:
            return ("subject", "predicate", "object"), self.triples
        return self.variables, self.rows


def visible_graphs(connection: Connection, names: Collection[str] | None) -> list[str] | None:
    """The named graphs that somebody may read; None: all that there are.

    Args:
        names: those of who asks; None: an owner.
    """
    clauses, values = filter_clauses({}, names)
    documents = connection.execute(
        "SELECT entry.document_id, entry.about FROM graph_documents AS entry "
        f"WHERE 1 = 1 {clauses}",
        values,
    ).fetchall()
    (count,) = connection.execute("SELECT count(*) FROM graph_documents").fetchone()
    if len(documents) == count:
        return None
    concepts = connection.execute(
        f"SELECT DISTINCT entry.concept FROM graph_mentions AS entry WHERE 1 = 1 {clauses}", values
    ).fetchall()
    return [
        *(document_iri(document) for document, _ in documents),
        *sorted({about_iri(about) for _, about in documents if about}),
        *(concept_iri(concept) for (concept,) in concepts),
    ]


def prepare(
    connection: Connection, folder: Path, names: Collection[str] | None
) -> list[str] | None:
    """Bring the triples up to date; :func:`visible_graphs`.

    Raises:
        GraphUnavailable: pyoxigraph is not installed.
    """
    refresh_triples(connection, folder)
    return visible_graphs(connection, names)


def run_query(
    folder: Path,
    query: str,
    values: Mapping[str, Value],
    graphs: Sequence[str] | None,
    *,
    limit: int = MAX_ROWS,
    seconds: float = MAX_SECONDS,
) -> QueryResult:
    """Run a query over the named graphs that who asks may read; it blocks until it is done.

    Args:
        folder: of the triples, as :func:`prepare` left them.
        graphs: what :func:`prepare` returned.
        limit: so many rows at most.
        seconds: then the query is ended.

    Raises:
        BadQuery
        QueryTooCostly: it took too long, or too much memory.
    """
    bound = bind(query, values)
    with reading_triples(folder) as triples, tempfile.TemporaryDirectory() as scratch:
        asked = {
            "query": bound, "prefixes": PREFIXES, "graphs": graphs, "limit": limit,
            "seconds": seconds, "triples": str(triples.absolute()), "scratch": scratch,
        }  # fmt: skip
        try:
            done = subprocess.run(
                [sys.executable, "-m", "lineal_catalog.graph.query_process"],
                input=orjson.dumps(asked),
                capture_output=True,
                timeout=seconds,
                env=clean_environment(os.environ, Path(scratch)),
            )
        except subprocess.TimeoutExpired as error:
            raise QueryTooCostly(
                f"the query took more than {seconds:g} seconds: ask for less, or narrower"
            ) from error
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise QueryTooCostly(
            f"the query was ended ({last or 'out of time or memory'}): ask for less; where the "
            "files of the graph are damaged, `lineal graph rebuild` makes them again"
        )
    return _result(orjson.loads(done.stdout))


def _result(answer: Mapping[str, Any]) -> QueryResult:
    if "problem" in answer:
        raise BadQuery(answer["problem"])
    if "boolean" in answer:
        return QueryResult(boolean=answer["boolean"])
    if "triples" in answer:
        return QueryResult(
            triples=tuple(map(tuple, answer["triples"])), truncated=answer["truncated"]
        )
    return QueryResult(
        tuple(answer["variables"]),
        tuple(map(tuple, answer["rows"])),
        truncated=answer["truncated"],
    )
