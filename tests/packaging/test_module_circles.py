"""No modules of our packages import each other in a circle, inside functions neither."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import grimp

PACKAGES = (
    "lineal", "lineal_schemas", "lineal_catalog", "lineal_learning",
    "lineal_producers", "lineal_consumers",
    "lineal_cli", "lineal_console", "lineal_scoring", "lineal_edge",
)  # fmt: skip


def circle(graph: grimp.ImportGraph) -> list[str]:
    """Modules of which each is imported by the next and the last is the first; empty: there is no
    circle."""
    imported = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_there_is_no_circle_of_modules() -> None:
    # An import for types alone tells a reader nothing that has to be there first.
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True)
    assert circle(graph) == []
    graph.add_import(importer="lineal.errors", imported="lineal.daemon")
    assert "lineal.daemon" in circle(graph), "one would be found"
