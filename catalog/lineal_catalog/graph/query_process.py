"""Runs one query in a process of its own: no network, no writing, limited time and memory.

A query over a few triples can keep a processor busy for hours, and nothing inside it can be
interrupted: the process is ended. Called by :mod:`lineal_catalog.graph.query` alone.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

_MEMORY_BYTES = 2 << 30


def main() -> None:
    """Reads what is asked from the standard input, and writes the answer to the standard output."""
    from lineal.workers.readable import readable
    from lineal.workers.sandbox import enter

    asked = json.loads(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    seconds = int(asked["seconds"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    allowed = readable()
    enter(Path(asked["scratch"]), allowed._replace(trees=(*allowed.trees, asked["triples"])))
    json.dump(_answer(asked), sys.stdout)


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    from pyoxigraph import NamedNode, QueryBoolean, QuerySolutions, Store

    store = Store.read_only(asked["triples"])
    graphs = asked["graphs"]
    names: Any = None if graphs is None else [NamedNode(name) for name in graphs]
    try:
        found = store.query(
            asked["query"],
            prefixes=asked["prefixes"],
            use_default_graph_as_union=names is None,
            default_graph=names,
            named_graphs=names,
        )
        if isinstance(found, QueryBoolean):
            return {"boolean": bool(found)}
        limit = asked["limit"]
        rows: list[list[dict[str, str] | None]] = []
        more = False
        for row in found:
            if len(rows) == limit:
                more = True
                break
            if isinstance(found, QuerySolutions):
                rows.append([_term(value) for value in row])
            else:
                rows.append([_term(row.subject), _term(row.predicate), _term(row.object)])
    except SyntaxError as error:
        return {"problem": f"the query cannot be read: {error}"}
    except (ValueError, RuntimeError) as error:
        return {"problem": f"the query cannot be answered: {error}"}
    if isinstance(found, QuerySolutions):
        variables = [variable.value for variable in found.variables]
        return {"variables": variables, "rows": rows, "truncated": more}
    return {"triples": rows, "truncated": more}


def _term(term: Any) -> dict[str, str] | None:
    """A term as SPARQL's results in JSON have it."""
    from pyoxigraph import BlankNode, Literal, NamedNode

    if term is None:
        return None
    if isinstance(term, NamedNode):
        return {"type": "uri", "value": term.value}
    if isinstance(term, BlankNode):
        return {"type": "bnode", "value": term.value}
    if not isinstance(term, Literal):
        return {"type": "triple", "value": str(term)}
    written = {"type": "literal", "value": term.value}
    if term.language:
        return written | {"xml:lang": term.language}
    if not term.datatype.value.endswith("#string"):
        written["datatype"] = term.datatype.value
    return written


if __name__ == "__main__":
    main()
