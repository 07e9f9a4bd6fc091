"""The triples on disk: a copy of what the rows of the store say, for SPARQL.

The store is the truth. Before each query the copy is compared with the rows by digests, document
by document, and what differs is written anew: a document's triples and its digest in one
transaction, the digest of what goes first. Killed anywhere, the next comparison ends it.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal_catalog.graph.effect import stored_mentions
from lineal_catalog.graph.triples import (
    DIGEST,
    DOCUMENT_IRI,
    about_iri,
    about_triples,
    concept_iri,
    concept_triples,
    document_iri,
    document_of,
    triples_of,
)

if TYPE_CHECKING:
    from pyoxigraph import Store

_FOLDER = "graph"
_TRIPLES, _STATE, _LOCK = "triples", "state", "graph.lock"


class GraphUnavailable(LinealError, RuntimeError):
    """The library of the graph is not installed."""


def graph_folder(connection: Connection) -> Path | None:
    """Where the triples of an embedded store are; None for a store that others share."""
    if connection.dialect.name == "postgres":
        return None
    for _, name, file in connection.execute("PRAGMA database_list").fetchall():
        if name == "main" and file:
            return Path(file).parent / _FOLDER
    return None


def remove_triples(folder: Path) -> None:
    """Remove all triples; the next query makes them again from the rows."""
    if folder.parent.is_dir():
        with _locked(folder, fcntl.LOCK_EX):
            shutil.rmtree(folder, ignore_errors=True)


def refresh_triples(connection: Connection, folder: Path) -> None:
    """Make the triples say what the rows say, where they do not.

    Raises:
        GraphUnavailable: pyoxigraph is not installed.
        OSError: the folder cannot be written.
    """
    _require()
    with _locked(folder, fcntl.LOCK_SH):
        if _is_current(connection, folder):
            return
    with _locked(folder, fcntl.LOCK_EX):
        if not _is_current(connection, folder):
            _catch_up(connection, folder)


@contextlib.contextmanager
def reading_triples(folder: Path) -> Iterator[Path]:
    """The folder of the triples, which nobody changes meanwhile: opening it to read while another
    process writes is not defined."""
    with _locked(folder, fcntl.LOCK_SH):
        yield folder / _TRIPLES


def _require() -> None:
    try:
        import pyoxigraph  # noqa: F401
    except ModuleNotFoundError as error:
        raise GraphUnavailable("the graph needs `pip install 'lineal[graph]'`") from error


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    # Beside the folder, which is removed as a whole. The system gives it back when a process dies.
    with (folder.parent / _LOCK).open("ab") as lock:
        fcntl.flock(lock, how)
        yield


def _state(connection: Connection) -> str:
    count, total = connection.execute(
        "SELECT count(*), coalesce(sum(id), 0) FROM graph_documents"
    ).fetchone()
    return f"{count} {total}"


def _is_current(connection: Connection, folder: Path) -> bool:
    state = folder / _STATE
    return state.is_file() and state.read_text() == _state(connection)


def _catch_up(connection: Connection, folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    state = _state(connection)
    (folder / _STATE).unlink(missing_ok=True)
    try:
        _write(connection, folder / _TRIPLES)
    except (OSError, RuntimeError):
        # What cannot be read any more is made again.
        shutil.rmtree(folder / _TRIPLES, ignore_errors=True)
        _write(connection, folder / _TRIPLES)
    # What came meanwhile has another state, and is found by the next query.
    (folder / _STATE).write_text(state)


def _write(connection: Connection, triples: Path) -> None:
    from pyoxigraph import Store

    store = Store(triples)
    bring_up_to_date(connection, store)
    store.flush()


def bring_up_to_date(connection: Connection, store: Store) -> None:
    """Make the triples say what the rows say."""
    _follow_documents(connection, store)
    _follow_shared(connection, store)


def _follow_documents(connection: Connection, store: Store) -> None:
    from pyoxigraph import NamedNode, Quad

    there: dict[str, list[Quad]] = {}
    for quad in store.quads_for_pattern(None, NamedNode(DIGEST), None, None):
        there.setdefault(document_of(_value(quad.graph_name)), []).append(quad)
    wanted = dict(connection.execute("SELECT document_id, digest FROM graph_documents").fetchall())
    half = {
        document_of(name) for name in _graphs(store) if name.startswith(DOCUMENT_IRI)
    } - there.keys()
    stale = {
        document
        for document, quads in there.items()
        if [_value(quad.object) for quad in quads] != [wanted.get(document)]
    }
    for document in sorted(stale | half):
        for quad in there.pop(document, []):
            store.remove(quad)
        store.remove_graph(NamedNode(document_iri(document)))
    for document in sorted(wanted.keys() - there.keys()):
        change = stored_mentions(connection, document)
        if change is not None:
            store.extend(triples_of(change))


def _follow_shared(connection: Connection, store: Store) -> None:
    """Concepts, and whom documents are about: as long as a document needs them."""
    from pyoxigraph import NamedNode

    wanted = {
        concept_iri(concept): concept_triples(concept, name, kind)
        for concept, name, kind in connection.execute(
            "SELECT concept, min(name), min(kind) FROM graph_mentions GROUP BY concept"
        ).fetchall()
    } | {
        about_iri(about): about_triples(about)
        for (about,) in connection.execute(
            "SELECT DISTINCT about FROM graph_documents WHERE about <> ''"
        ).fetchall()
    }
    there = {name for name in _graphs(store) if not name.startswith(DOCUMENT_IRI)}
    for name in sorted(there | wanted.keys()):
        node = NamedNode(name)
        if name in there:
            if set(store.quads_for_pattern(None, None, None, node)) == wanted.get(name):
                continue
            store.remove_graph(node)
        if name in wanted:
            store.extend(wanted[name])


def _graphs(store: Store) -> set[str]:
    return {_value(name) for name in store.named_graphs()}


def _value(term: object) -> str:
    """Of an IRI or a literal: graphs and digests are nothing else."""
    return str(getattr(term, "value", ""))
