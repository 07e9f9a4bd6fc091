"""Parameters of queries stay values, whatever they hold; what reads elsewhere is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import QuerySolutions, Store

from lineal_catalog.graph.sparql import BadQuery, bind


def value_of(text: str) -> str:
    found = Store().query(bind("SELECT ?x WHERE { BIND ($value AS ?x) }", {"value": text}))
    assert isinstance(found, QuerySolutions)
    [row] = found
    return str(row["x"].value)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_stays_one_value(text: str) -> None:
    assert value_of(f'"{text}"') == text


@pytest.mark.parametrize(
    "text", ['"} DELETE WHERE { ?s ?p ?o } #', "x\n} UNION { ?a ?b ?c", "\\", "'''", "$other", "?x"]
)
def test_what_looks_like_a_query_is_text(text: str) -> None:
    assert value_of(text) == text


def test_numbers_and_addresses_are_terms() -> None:
    query = 'SELECT ?s WHERE { ?s ?p $iri . FILTER(?n > $least && ?x IN ($all)) # $no "'
    values = {"iri": "<urn:a:b>", "least": "0.7", "all": ["a", "<urn:c>"]}
    bound = bind(query, values)
    assert "?p <urn:a:b>" in bound
    assert '?n > 0.7 && ?x IN ("a", <urn:c>)' in bound
    assert bound.endswith('# $no "')


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * WHERE { SERVICE <http://a.example/> { ?s ?p ?o } }",
        "SELECT * WHERE { service silent ?where { ?s ?p ?o } }",
        "SELECT * WHERE {} SERVICE<http://a.example/>{}",
        "SELECT * WHERE { ?s ?p true.SERVICE <http://a.example/> { ?a ?b ?c } }",
        'SELECT * WHERE { ?s ?p "x"@en.SERVICE <http://a.example/> { ?a ?b ?c } }',
        "SELECT * WHERE { ?s ?p lineal:a\\# . SERVICE <http://a.example/> { ?a ?b ?c } }",
        "SELECT * WHERE { ?s ?p lineal:a\\' . SERVICE <http://a.example/> { ?a ?b ?c } } #'",
        "SELECT * WHERE { \\u0053ERVICE <http://a.example/> { ?s ?p ?o } }",
    ],
)
def test_other_endpoints_are_not_asked(query: str) -> None:
    with pytest.raises(BadQuery):
        bind(query, {})


def test_the_word_itself_is_no_offence() -> None:
    query = 'SELECT ?service WHERE { ?service <urn:service> "SERVICE" } # SERVICE'
    assert bind(query, {}) == query


def test_parameters_are_those_of_the_query() -> None:
    with pytest.raises(BadQuery, match="concept=VALUE"):
        bind("SELECT * WHERE { ?s ?p $concept }", {})
    with pytest.raises(BadQuery, match=r"\$other"):
        bind("SELECT * WHERE { ?s ?p ?o }", {"other": "1"})
    with pytest.raises(BadQuery, match="no IRI"):
        bind("SELECT * WHERE { ?s ?p $concept }", {"concept": "<urn:a b> . ?x ?y <urn:c>"})
