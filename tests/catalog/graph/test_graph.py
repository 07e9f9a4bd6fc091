"""The graph says what the rows say, whatever was killed, and to nobody what they may not see."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import Store

from lineal.store.connection import Connection
from lineal.store.sqlite import SqliteConnection
from lineal.store.tables import create_tables
from lineal_catalog.documents.visibility import restrict_source
from lineal_catalog.graph.effect import (
    DocumentMentions,
    mentions_digest,
    remove_mentions,
    replace_mentions,
    stored_mentions,
)
from lineal_catalog.graph.mentioned import (
    UnknownConcept,
    find_concept,
    list_concepts,
    mentions_of,
)
from lineal_catalog.graph.projection import GRAPH
from lineal_catalog.graph.query import QueryTooCostly, prepare, run_query
from lineal_catalog.graph.sparql import BadQuery
from lineal_catalog.graph.triple_store import bring_up_to_date, refresh_triples
from lineal_catalog.graph.triples import about_triples, concept_triples, triples_of
from lineal_schemas.results import Box
from tests.catalog.graph.mentioning import mention, put
from tests.store.stores import sqlite_connection

ALL = "SELECT ?document ?concept WHERE { ?m lineal:foundIn ?document ; lineal:concept ?concept }"


def in_the_graph(folder: Path) -> set[str]:
    return set(map(str, Store.read_only(str(folder / "triples"))))


def in_the_rows(connection: Connection) -> set[str]:
    wanted = set()
    for (document,) in connection.execute("SELECT document_id FROM graph_documents").fetchall():
        change = stored_mentions(connection, document)
        assert change is not None
        quads = {*triples_of(change), *(about_triples(change.about) if change.about else ())}
        for item in change.mentions:
            quads |= concept_triples(item.concept, item.name, item.kind)
        wanted |= set(map(str, quads))
    return wanted


def names(
    connection: Connection, folder: Path, concept: str, *without: str, min_score: float = 0.7
) -> list[str]:
    graphs = prepare(connection, folder, None)
    found = mentions_of(folder, graphs, concept, without, min_score=min_score)
    return sorted({row["name"] for row in found.values()})


def test_the_places_of_mentions_on_pages_are_kept(connection: Connection) -> None:
    boxes = (Box(0.1, 0.2, 0.3, 0.02), Box(0.1, 0.25, 0.1, 0.02))
    change = DocumentMentions("a", "", (mention("asthma").model_copy(update={"boxes": boxes}),))
    replace_mentions(connection, change)
    kept = stored_mentions(connection, "a")
    assert kept is not None
    assert kept.mentions[0].boxes == boxes
    assert mentions_digest(kept) == mentions_digest(change)


def test_whose_notes_mention_one_and_not_another(connection: Connection, tmp_path: Path) -> None:
    folder = tmp_path / "graph"
    put(connection, "a1", mention("chest-pain"), about="Patient/ann")
    put(connection, "a2", mention("dyspnea"), about="Patient/ann")
    put(connection, "b1", mention("chest-pain"), mention("dyspnea", "negated"), about="Patient/ben")
    put(connection, "c1", mention("chest-pain", "negated"), about="Patient/cem")
    put(connection, "d1", mention("chest-pain", score=0.5))
    assert names(connection, folder, "chest-pain") == ["Patient/ann", "Patient/ben"]
    # Another note of Ann has it: it is her notes that count, not the one note.
    assert names(connection, folder, "chest-pain", "dyspnea") == ["Patient/ben"]
    # What is not sure is kept and shown to who asks; a note of nobody counts for itself.
    assert "d1" in names(connection, folder, "chest-pain", min_score=0.4)


Step = st.tuples(st.sampled_from("abcd"), st.sampled_from(["chest-pain", "fever", "", "erase"]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(Step, max_size=4), max_size=4))
def test_the_graph_follows_whatever_happens_to_the_rows(
    rounds: list[list[tuple[str, str]]],
) -> None:
    with sqlite_connection() as connection:
        store = Store()
        for steps in rounds:
            for document, what in steps:
                if what == "erase":
                    remove_mentions(connection, document)
                else:
                    put(connection, document, *([mention(what)] if what else []))
            bring_up_to_date(connection, store)
            assert set(map(str, store)) == in_the_rows(connection)


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[tuple[Connection, Path]]:
    """A connection to a database in a file, and the file."""
    file = tmp_path / "data" / "lineal.db"
    file.parent.mkdir()
    connection = sqlite3.connect(file, isolation_level=None, factory=SqliteConnection)
    create_tables(connection)
    with contextlib.closing(connection):
        yield connection, file


_KILLED = """
import os, signal, sys
from pathlib import Path
import pyoxigraph
from lineal.store.sqlite import connect_read_only
from lineal_catalog.graph import triple_store

class Killed:
    calls = 0
    def __init__(self, path):
        self._store = opened(path)
    def __getattr__(self, name):
        method = getattr(self._store, name)
        if name not in ("extend", "remove", "remove_graph", "flush"):
            return method
        def counted(*arguments):
            Killed.calls += 1
            if Killed.calls == int(sys.argv[3]):
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*arguments)
        return counted

opened = pyoxigraph.Store
pyoxigraph.Store = Killed
connection = connect_read_only(Path(sys.argv[1]), busy_seconds=5)
triple_store.refresh_triples(connection, Path(sys.argv[2]))
"""


@pytest.mark.parametrize("call", [2, 3, 5, 6, 7, 9])
def test_a_kill_while_it_follows_leaves_nothing_behind_or_out(
    stored: tuple[Connection, Path], tmp_path: Path, call: int
) -> None:
    connection, file = stored
    folder = tmp_path / "graph"
    for document in "abc":
        put(connection, document, mention("fever"), mention("cough"))
    refresh_triples(connection, folder)
    put(connection, "a", mention("rash"))
    remove_mentions(connection, "b")
    put(connection, "d", mention("chills"))
    code = [sys.executable, "-c", _KILLED, str(file), str(folder), str(call)]
    done = subprocess.run(code, env={**os.environ}, timeout=60, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    refresh_triples(connection, folder)
    assert in_the_graph(folder) == in_the_rows(connection)


def test_what_documents_share_is_counted_once(connection: Connection, tmp_path: Path) -> None:
    folder = tmp_path / "graph"
    for document in "abc":
        put(connection, document, mention("fever"), about="Patient/ann")
    graphs = prepare(connection, folder, None)
    count = """SELECT (COUNT(*) AS ?n) WHERE {
      ?m lineal:concept [ skos:notation $concept ] ;
        lineal:foundIn [ lineal:about [ lineal:name ?name ] ]
    }"""
    assert run_query(folder, count, {"concept": "fever"}, graphs).values() == [{"n": "3"}]


def test_files_that_are_gone_or_damaged_are_made_again(
    connection: Connection, tmp_path: Path
) -> None:
    folder = tmp_path / "graph"
    put(connection, "a", mention("fever"))
    refresh_triples(connection, folder)
    before = in_the_graph(folder)
    shutil.rmtree(folder)
    refresh_triples(connection, folder)
    assert in_the_graph(folder) == before
    (folder / "triples" / "CURRENT").write_text("nonsense")
    (folder / "state").unlink()
    refresh_triples(connection, folder)
    assert in_the_graph(folder) == before


def test_erasing_a_document_takes_its_triples(
    stored: tuple[Connection, Path], tmp_path: Path
) -> None:
    connection, file = stored
    folder = file.parent / "graph"
    put(connection, "a", mention("secret-thing"), about="Patient/ann")
    put(connection, "b", mention("fever"))
    refresh_triples(connection, folder)
    assert GRAPH.erase is not None and GRAPH.purge is not None
    assert GRAPH.erase(connection, "document:a", True) == 2
    assert GRAPH.erase(connection, "document:a", False) == 2
    GRAPH.purge(connection)
    assert not folder.exists()
    refresh_triples(connection, folder)
    assert in_the_graph(folder) == in_the_rows(connection)
    for path in folder.rglob("*"):
        assert not path.is_file() or b"secret-thing" not in path.read_bytes()


def test_who_may_not_see_a_document_finds_nothing_of_it(
    connection: Connection, tmp_path: Path
) -> None:
    folder = tmp_path / "graph"
    put(connection, "open", mention("fever"))
    put(connection, "closed", mention("fever"), mention("rash"))
    for document in ("open", "closed"):
        connection.execute("INSERT INTO ownership VALUES (?, ?, ?)", (document, "ben", 1))
    connection.execute("INSERT INTO ownership VALUES (?, ?, ?)", ("open", "ann", 1))
    restrict_source(connection, "closed", "file:///x", ["ben"])
    graphs = prepare(connection, folder, ["ann"])
    everything = "SELECT ?s ?p ?o WHERE { ?s ?p ?o }"
    around = (
        everything,
        ALL,
        "SELECT ?g ?o WHERE { GRAPH ?g { ?s ?p ?o } }",
        "SELECT ?o FROM <urn:lineal:subject:document%3Aclosed> WHERE { ?s ?p ?o }",
        "SELECT ?o FROM NAMED <urn:lineal:subject:document%3Aclosed> "
        "WHERE { GRAPH ?g { ?s ?p ?o } }",
        "CONSTRUCT WHERE { ?s ?p ?o }",
        "DESCRIBE <urn:lineal:subject:document%3Aclosed>",
    )
    for query in around:
        shown = str(run_query(folder, query, {}, graphs).as_json())
        assert "closed" not in shown and "rash" not in shown
    assert "rash" in str(run_query(folder, everything, {}, prepare(connection, folder, None)))
    assert [item.concept for item in list_concepts(connection, names=["ann"])] == ["fever"]
    with pytest.raises(UnknownConcept):
        find_concept(connection, "rash", ["ann"])


def test_a_query_is_bounded_in_rows_and_time(connection: Connection, tmp_path: Path) -> None:
    folder = tmp_path / "graph"
    for number in range(30):
        put(connection, f"d{number}", mention("fever"), mention("rash"))
    graphs = prepare(connection, folder, None)
    some = run_query(folder, ALL, {}, graphs, limit=7)
    assert (len(some.rows), some.truncated) == (7, True)
    endless = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
    with pytest.raises(QueryTooCostly, match="1 seconds"):
        run_query(folder, endless, {}, graphs, seconds=1)


@pytest.mark.parametrize(
    "update", ["INSERT DATA { <a:a> <a:b> <a:c> }", "DROP ALL", "LOAD <file:///etc/passwd>", "no"]
)
def test_nothing_is_changed_by_a_query(connection: Connection, tmp_path: Path, update: str) -> None:
    put(connection, "a", mention("fever"))
    folder = tmp_path / "graph"
    graphs = prepare(connection, folder, None)
    with pytest.raises(BadQuery):
        run_query(folder, update, {}, graphs)
    assert in_the_graph(folder) == in_the_rows(connection)
