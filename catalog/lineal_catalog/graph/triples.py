"""The triples of a document: a pure function of its rows, all in a named graph of its own.

What several documents share, concepts and whom they are about, has named graphs too: each triple is
in one graph alone, for a query over many graphs counts a triple once for each that has it.

Documents are ``prov:Entity`` under the IRIs that `lineal lineage --format prov-o` gives them, so
that both can be loaded together. Source: https://www.w3.org/TR/prov-o/.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from lineal_catalog.graph.effect import DocumentMentions, mentions_digest

if TYPE_CHECKING:
    from pyoxigraph import Literal, NamedNode, Quad

TERM = "urn:lineal:term:"
PROV = "http://www.w3.org/ns/prov#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD = "http://www.w3.org/2001/XMLSchema#"

PREFIXES = {
    "lineal": TERM, "prov": PROV, "skos": SKOS, "rdf": RDF, "xsd": XSD,
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}  # fmt: skip
"""Known in every query without being declared."""

DIGEST = f"{TERM}digest"
DOCUMENT_IRI = "urn:lineal:subject:document%3A"


def document_iri(document_id: str) -> str:
    """What a document is called in the graph; its named graph is called so too."""
    return DOCUMENT_IRI + quote(document_id, safe="")


def document_of(iri: str) -> str:
    """The id of the document that an IRI names."""
    from urllib.parse import unquote

    return unquote(iri.removeprefix(DOCUMENT_IRI))


def concept_iri(concept: str) -> str:
    """What a concept is called in the graph: the same whatever mentions it."""
    return f"urn:lineal:concept:{quote(concept, safe='')}"


def about_iri(about: str) -> str:
    """What whoever documents are about is called in the graph."""
    return f"urn:lineal:about:{quote(about, safe='')}"


def triples_of(change: DocumentMentions) -> list[Quad]:
    """All that the graph says because of a document."""
    from pyoxigraph import Literal, NamedNode, Quad

    document = NamedNode(document_iri(change.document_id))
    digest = mentions_digest(change)
    quads: list[Quad] = []

    def say(subject: NamedNode, predicate: str, value: NamedNode | Literal) -> None:
        quads.append(Quad(subject, NamedNode(predicate), value, document))

    def typed(value: str, kind: str) -> Literal:
        return Literal(value, datatype=NamedNode(XSD + kind))

    say(document, f"{RDF}type", NamedNode(f"{TERM}Document"))
    say(document, f"{RDF}type", NamedNode(f"{PROV}Entity"))
    say(document, f"{TERM}id", Literal(change.document_id))
    say(document, DIGEST, Literal(digest))
    # Who is not named is the document's own: a note without a patient is counted for itself.
    if change.about:
        say(document, f"{TERM}about", NamedNode(about_iri(change.about)))
    else:
        say(document, f"{TERM}about", document)
        say(document, f"{TERM}name", Literal(change.document_id))
    for item in change.mentions:
        place = f"{change.document_id} {item.begin} {item.end} {item.concept}"
        mention = NamedNode(f"urn:lineal:mention:{sha256(place.encode()).hexdigest()[:32]}")
        concept = NamedNode(concept_iri(item.concept))
        say(mention, f"{RDF}type", NamedNode(f"{TERM}Mention"))
        say(mention, f"{TERM}concept", concept)
        say(mention, f"{TERM}foundIn", document)
        say(mention, f"{PROV}wasDerivedFrom", document)
        say(mention, f"{TERM}text", Literal(item.text))
        for name, number in (("page", item.page), ("begin", item.begin), ("end", item.end)):
            say(mention, TERM + name, typed(str(number), "integer"))
        for box in item.boxes:
            say(mention, f"{TERM}box", Literal(" ".join(f"{side:.4f}" for side in box)))
        say(mention, f"{TERM}score", typed(_decimal(item.score), "decimal"))
        for polarity in item.polarity:
            say(mention, f"{TERM}polarity", Literal(polarity))
    return quads


def concept_triples(concept: str, name: str, kind: str) -> set[Quad]:
    """What the graph says of a concept."""
    from pyoxigraph import Literal, NamedNode, Quad

    node = NamedNode(concept_iri(concept))
    return {
        Quad(node, NamedNode(f"{RDF}type"), NamedNode(f"{SKOS}Concept"), node),
        Quad(node, NamedNode(f"{SKOS}notation"), Literal(concept), node),
        Quad(node, NamedNode(f"{SKOS}prefLabel"), Literal(name), node),
        Quad(node, NamedNode(f"{TERM}kind"), Literal(kind), node),
    }


def about_triples(about: str) -> set[Quad]:
    """What the graph says of somebody whom documents are about."""
    from pyoxigraph import Literal, NamedNode, Quad

    node = NamedNode(about_iri(about))
    return {Quad(node, NamedNode(f"{TERM}name"), Literal(about), node)}


def _decimal(number: float) -> str:
    """As XML Schema writes a decimal canonically: two copies are compared as text."""
    return f"{number:.4f}".rstrip("0").rstrip(".")
