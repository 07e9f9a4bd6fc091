"""The graph of what documents mention: concepts, and the places of one in documents."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from starlette.responses import JSONResponse, Response

from lineal.store.connection import Connection
from lineal_catalog.graph.mentioned import POLARITIES, SHOWN_SCORE, ConceptCount, list_concepts
from lineal_catalog.graph.places import Neighbour, Place, find_neighbours, list_places
from lineal_console.page import Page
from lineal_console.page_request import PageRequest

GRAPH = Page("graph", "Graph", section="documents", order=40)
_CONCEPTS = 200
_PLACES = 100
_DRAWN_PLACES = 2000
_DRAWN_DOCUMENTS = 12
_MAX_BOXES = 20
"""Of one mention, in an address."""


class _Wanted(NamedTuple):
    """What the filter leaves."""

    min_score: float
    polarity: str | None

    @property
    def parameters(self) -> dict[str, str]:
        found = {} if self.min_score == SHOWN_SCORE else {"min_score": f"{self.min_score:g}"}
        return found if self.polarity is None else found | {"polarity": self.polarity}


def _wanted(request: PageRequest) -> _Wanted:
    try:
        score = float(request.query("min_score"))
    except ValueError:
        score = SHOWN_SCORE
    polarity = request.query("polarity")
    return _Wanted(
        score if 0 <= score <= 1 else SHOWN_SCORE, polarity if polarity in POLARITIES else None
    )


@GRAPH.get()
async def show_concepts(request: PageRequest) -> Response:
    """The concepts that documents mention, the most frequent first."""
    wanted, text = _wanted(request), " ".join(request.query("q").split())

    def look(connection: Connection) -> list[ConceptCount]:
        return list_concepts(
            connection, names=request.names, min_score=wanted.min_score, text=text,
            limit=_CONCEPTS + 1,
        )  # fmt: skip

    concepts = await request.runtime.store.read(look)
    return request.render(
        "graph.html", concepts=concepts[:_CONCEPTS], more=len(concepts) > _CONCEPTS, text=text,
        wanted=wanted, address=partial(_address, wanted),
    )  # fmt: skip


@GRAPH.get("/concepts/{concept:path}")
async def show_concept(request: PageRequest) -> Response:
    """Where documents mention a concept, and how it is meant there."""
    concept, wanted = request.path("concept"), _wanted(request)
    offset = request.number("offset", 0)

    def look(connection: Connection) -> tuple[list[ConceptCount], list[Place]]:
        known = list_concepts(
            connection, names=request.names, min_score=0, concept=concept, limit=1
        )
        places = list_places(
            connection, concept, names=request.names, min_score=wanted.min_score,
            polarity=wanted.polarity, limit=_PLACES + 1, offset=offset,
        )  # fmt: skip
        return known, places

    known, places = await request.runtime.store.read(look)
    if not known:
        raise request.missing(request.text("No document mentions this concept."))
    return request.render(
        "graph_concept.html", concept=known[0], places=places[:_PLACES], wanted=wanted,
        polarities=POLARITIES, drawn=_address(wanted, concept, "drawn"), shown_at=_place_address,
        next=_address(wanted, concept, offset=offset + _PLACES) if len(places) > _PLACES else None,
        previous=_address(wanted, concept, offset=offset - _PLACES) if offset >= _PLACES else None,
    )  # fmt: skip


@GRAPH.get("/drawn/{concept:path}")
async def draw_concept(request: PageRequest) -> Response:
    """The documents that mention it, and what they mention too, as nodes and edges."""
    concept, wanted = request.path("concept"), _wanted(request)

    def look(connection: Connection) -> dict[str, Any]:
        places = list_places(
            connection, concept, names=request.names, min_score=wanted.min_score,
            polarity=wanted.polarity, limit=_DRAWN_PLACES,
        )  # fmt: skip
        by_document: dict[str, list[Place]] = {}
        for place in places:
            by_document.setdefault(place.document_id, []).append(place)
        most = sorted(by_document.values(), key=lambda found: -len(found))[:_DRAWN_DOCUMENTS]
        near = find_neighbours(
            connection, concept, [found[0].document_id for found in most],
            min_score=wanted.min_score,
        )  # fmt: skip
        known = list_concepts(connection, names=request.names, min_score=0, concept=concept)
        name = known[0].name if known else concept
        return _drawn(name, most, [item for item in near if item.concept != concept], wanted)

    return JSONResponse(await request.runtime.store.read(look))


def _drawn(
    name: str, documents: list[list[Place]], near: list[Neighbour], wanted: _Wanted
) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = [{"id": "c", "kind": "object", "label": name}]
    edges: list[dict[str, Any]] = []
    ids: dict[str, str] = {}
    for number, places in enumerate(documents):
        first = places[0]
        ids[first.document_id] = f"d{number}"
        nodes.append(
            {"id": f"d{number}", "kind": "step", "label": first.document or first.document_id[:10],
             "lines": [first.about] if first.about else [], "href": _place_address(first)}
        )  # fmt: skip
        meant = sorted({meaning for place in places for meaning in place.polarity})
        edges.append({"from": "c", "to": f"d{number}", "label": ", ".join(meant)})
    drawn: dict[str, str] = {}
    for item in near:
        if item.concept not in drawn:
            drawn[item.concept] = f"n{len(drawn)}"
            nodes.append(
                {"id": drawn[item.concept], "kind": "object", "label": item.name,
                 "lines": [item.kind], "href": _address(wanted, item.concept)}
            )  # fmt: skip
        edges.append({"from": ids[item.document_id], "to": drawn[item.concept]})
    return {"nodes": nodes, "edges": edges}


def _address(wanted: _Wanted, concept: str, kind: str = "concepts", offset: int = 0) -> str:
    parameters = wanted.parameters | ({"offset": str(offset)} if offset else {})
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"{GRAPH.url}/{kind}/{quote(concept)}{query}"


def _place_address(place: Place) -> str:
    """The page of the document with the place marked; by its words where it has no boxes."""
    boxes = [",".join(f"{side:g}" for side in box) for box in place.boxes[:_MAX_BOXES]]
    marked = [("box", box) for box in boxes] or [("find", place.text)]
    query = urlencode([("page", str(place.page)), *marked])
    return f"/console/documents/{place.document_id}?{query}"
