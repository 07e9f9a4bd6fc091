"""W3C PROV, read by other people's libraries and held against PROV-CONSTRAINTS in SPARQL."""

from __future__ import annotations

import io

import orjson
import pytest
from hypothesis import given, settings
from prov.model import ProvDocument
from rdflib import Graph

from lineal.lineage.exports.prov import prov_document
from lineal.lineage.exports.turtle import turtle
from lineal.lineage.graph import lineage_graph
from lineal.lineage.record import RecordedStep
from tests.lineage.exports.lineages import LETTER, lineages
from tests.long import examples

GENERATION_BEFORE_USAGE = "generation comes before usage (37)"
CONSTRAINTS = {
    "an activity starts before it ends (30)": """
        ?a prov:startedAtTime ?start ; prov:endedAtTime ?end . FILTER (?start > ?end)""",
    "generation is within its activity (34)": """
        ?e prov:qualifiedGeneration ?g . ?g prov:activity ?a ; prov:atTime ?at .
        ?a prov:startedAtTime ?start ; prov:endedAtTime ?end .
        FILTER (?at < ?start || ?at > ?end)""",
    GENERATION_BEFORE_USAGE: """
        ?e prov:qualifiedGeneration/prov:atTime ?made .
        ?a prov:used ?e ; prov:endedAtTime ?end . FILTER (?made > ?end)""",
    "an entity is generated once (24, 39)": """
        ?e prov:wasGeneratedBy ?one, ?other . FILTER (?one != ?other)""",
    "nothing uses what it made itself": """
        ?a prov:used ?e . ?e prov:wasGeneratedBy ?a""",
    "nothing informs itself, however far": """
        ?a prov:wasInformedBy+ ?a""",
    "entities and activities are different things (55)": """
        ?x a prov:Entity, prov:Activity""",
    "what is used is an entity": """
        ?a prov:used ?e . FILTER NOT EXISTS { ?a a prov:Activity . ?e a prov:Entity }""",
    "what is made is an entity": """
        ?e prov:wasGeneratedBy ?a . FILTER NOT EXISTS { ?a a prov:Activity . ?e a prov:Entity }""",
    "every activity has an agent": """
        ?a a prov:Activity .
        FILTER NOT EXISTS { ?a prov:wasAssociatedWith/a prov:Agent }""",
    "a plan is an entity": """
        ?x prov:hadPlan ?plan . FILTER NOT EXISTS { ?plan a prov:Entity, prov:Plan }""",
    "the qualified form says nothing else (PROV-O)": """
        ?a prov:qualifiedUsage/prov:entity ?e . FILTER NOT EXISTS { ?a prov:used ?e }""",
}


def graph_of(steps: list[RecordedStep]) -> Graph:
    graph = Graph()
    graph.parse(data=turtle(prov_document(lineage_graph(steps))), format="turtle")
    return graph


def broken(graph: Graph) -> list[str]:
    return [
        name for name, rule in CONSTRAINTS.items() if graph.query(f"ASK {{ {rule} }}").askAnswer
    ]


@given(lineages())
@settings(max_examples=examples(25), deadline=None)
def test_no_constraint_is_broken(steps: list[RecordedStep]) -> None:
    assert broken(graph_of(steps)) == []


@given(lineages())
@settings(max_examples=examples(25), deadline=None)
def test_another_library_reads_the_json(steps: list[RecordedStep]) -> None:
    said = prov_document(lineage_graph(steps))
    read = ProvDocument.deserialize(io.StringIO(orjson.dumps(said).decode()), format="json")
    records = sum(len(group) for kind, group in said.items() if kind != "prefix")
    assert len(list(read.get_records())) == records


def test_a_broken_constraint_would_be_found() -> None:
    graph = graph_of(LETTER)
    graph.update(
        "INSERT { ?e prov:wasGeneratedBy <urn:other> } WHERE { ?e prov:wasGeneratedBy ?a }"
    )
    assert "an entity is generated once (24, 39)" in broken(graph)


def answers(graph: Graph, question: str) -> set[str]:
    return {str(*row.values()) for row in graph.query(question).bindings}


def test_who_did_what_with_which_model_can_be_asked_in_sparql() -> None:
    graph = graph_of(LETTER)
    erased = """SELECT ?who {
        ?e rdfs:label "document:letter" ; prov:wasInvalidatedBy/prov:wasAssociatedWith ?p .
        ?p a prov:Person ; rdfs:label ?who }"""
    assert answers(graph, erased) == {"user:ann"}
    model = """SELECT ?label {
        ?a rdfs:label "read" ; prov:qualifiedUsage [
            prov:hadRole <urn:lineal:role:model> ; prov:entity/rdfs:label ?label ] }"""
    assert answers(graph, model) == {"letters 3"}
    before = """SELECT ?label { ?a rdfs:label "read" ; prov:wasInformedBy/rdfs:label ?label }"""
    assert answers(graph, before) == {"register"}
    through = """SELECT ?label {
        ?a rdfs:label "read" ; prov:used/prov:wasGeneratedBy/rdfs:label ?label }"""
    assert answers(graph, through) == {"register"}


@pytest.mark.parametrize("again", [2, 3])
def test_bytes_made_again_are_alternates(again: int) -> None:
    graph = graph_of(LETTER[:1] * again)
    assert broken(graph) == []
    question = "SELECT ?e { ?e prov:wasGeneratedBy ?a ; prov:alternateOf* ?first }"
    assert len(answers(graph, question)) == again
