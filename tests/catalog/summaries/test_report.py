"""What is quoted of documents stands in them, at the place that is said; in several languages."""

from __future__ import annotations

import gzip
import itertools
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_catalog.summaries.report import make_report
from lineal_catalog.summaries.sentences import (
    MAX_SENTENCES,
    DocumentText,
    LoadedDocument,
    find_sentences,
    split_sentences,
)


def document(
    name: str, pages: list[str], language: str = "en", dates: dict[str, str] | None = None
) -> DocumentText:
    """A document with a word a line at its own height, and dates where they stand."""
    text, made = "", []
    for number, page in enumerate(pages, 1):
        text += "\f" if text else ""
        begin = len(text)
        words = []
        for row, written in enumerate(page.split("\n")):
            at = begin + sum(len(item) + 1 for item in page.split("\n")[:row])
            for word in written.split(" "):
                if word:
                    words.append([at, at + len(word), 1.0, 0.1, row / 100, 0.5, 0.01, row])
                at += len(word) + 1
        text += page
        made.append({"number": number, "begin": begin, "end": len(text), "words": words})
    result = {"engines": [], "text": text, "pages": made}
    entities = [
        {"type": "DATE", "text": spoken, "value": value, "personal": False,
         "occurrences": [[text.index(spoken), text.index(spoken) + len(spoken), 0.9]]}
        for spoken, value in (dates or {}).items()
    ]  # fmt: skip
    analysis = {"language": language, "entities": entities}
    return DocumentText(name, f"{name}.pdf", *(gzip.compress(orjson.dumps(x))
                                               for x in (result, analysis)))  # fmt: skip


@pytest.mark.parametrize(
    ("language", "text", "sentences"),
    [
        ("en", "Dr. Smith paid 3.50 EUR on Jan. 5. He left at 5 p.m. sharp! Why?", [
            "Dr. Smith paid 3.50 EUR on Jan. 5.", "He left at 5 p.m. sharp!", "Why?"]),
        ("de", "Am 3. Mai kam z.B. Frau K. Meier. Danach ging sie\nnach Hause.", [
            "Am 3. Mai kam z.B. Frau K. Meier.", "Danach ging sie\nnach Hause."]),
        ("fr", "M. Dupont a payé env. 20 €. « Merci ! » dit-il. C'est tout.", [
            "M. Dupont a payé env. 20 €.", "« Merci ! » dit-il.", "C'est tout."]),
        ("en", "Heading\n\nA text. Below it", ["Heading", "A text.", "Below it"]),
        ("ja", "一つ目の文です。二つ目の文です。", ["一つ目の文です。", "二つ目の文です。"]),
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_ends_them(
    language: str, text: str, sentences: list[str]
) -> None:
    assert [text[begin:end] for begin, end in split_sentences(text, language)] == sentences


@given(st.text(alphabet="aB3. !?\n\f’é。", max_size=80))
def test_no_letter_is_in_two_sentences_and_none_is_lost(text: str) -> None:
    spans = list(split_sentences(text))
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    inside = "".join(text[begin:end] for begin, end in spans)
    assert [c for c in inside if not c.isspace()] == [c for c in text if not c.isspace()]


_TURBINES = {
    "en": ("The turbine of the wind farm stopped because its gearbox was too hot.",
           "A new gearbox for the turbine will be ordered by the wind farm.",
           "Lunch on Friday is served in the yellow room downstairs.",
           "The hot gearbox stopped the turbine twice in the last month."),
    "de": ("Die Turbine des Windparks stand still, weil das Getriebe zu heiß war.",
           "Ein neues Getriebe für die Turbine wird vom Windpark bestellt.",
           "Das Mittagessen am Freitag gibt es unten im gelben Zimmer.",
           "Das heiße Getriebe hat die Turbine im letzten Monat zweimal angehalten."),
    "fr": ("La turbine du parc éolien est arrêtée car sa boîte de vitesses était trop chaude.",
           "Une nouvelle boîte de vitesses pour la turbine sera commandée par le parc éolien.",
           "Le repas du vendredi est servi dans la salle jaune du bas.",
           "La boîte de vitesses trop chaude a arrêté la turbine deux fois ce mois."),
}  # fmt: skip


@pytest.mark.parametrize("language", sorted(_TURBINES))
def test_a_summary_quotes_what_a_document_is_about(language: str) -> None:
    lines = _TURBINES[language]
    made = document("report", ["Report 7", "\n".join(lines)], language)
    report = make_report([made], sentences=2, topics=0)
    quoted = [item["text"] for item in report["summary"]]
    assert len(quoted) == 2 and set(quoted) < set(lines) - {lines[2]}
    for item in report["summary"]:
        assert item["page"] == 2
        row = lines.index(item["text"])
        assert [box[1] for box in item["boxes"]] == [row / 100]
    assert report == make_report([made], sentences=2, topics=0)


def test_a_chronology_is_in_the_order_of_time_over_all_documents() -> None:
    contract = document(
        "contract", ["The contract was signed on 5 March 2024 in Paris. It ends in May 2026."],
        dates={"5 March 2024": "2024-03-05", "May 2026": "2026-05"},
    )  # fmt: skip
    invoice = document("invoice", ["Nothing.", "Invoice date: 01.02.2025\nTotal: 5 EUR"],
                       dates={"01.02.2025": "2025-02-01"})  # fmt: skip
    report = make_report([contract, invoice], sentences=1, topics=0)
    assert [(x["date"], x["text"], x["name"], x["page"]) for x in report["chronology"]] == [
        ("2024-03-05", "The contract was signed on 5 March 2024 in Paris.", "contract.pdf", 1),
        ("2025-02-01", "Invoice date: 01.02.2025 Total: 5 EUR", "invoice.pdf", 2),
        ("2026-05", "It ends in May 2026.", "contract.pdf", 1),
    ]
    assert all(item["boxes"] for item in report["chronology"])


def test_topics_tell_documents_apart_and_quote_them() -> None:
    sea = [f"The captain steered ship number {n} through the harbour to the sea."
           f" Sailors of the ship saw the harbour and the sea from the deck {n}."
           for n in ("one", "two", "three")]  # fmt: skip
    bread = [f"The baker put bread number {n} into the oven with fresh flour."
             f" Flour and yeast make the bread of the baker rise in oven {n}."
             for n in ("one", "two", "three")]  # fmt: skip
    documents = [document(f"{name}{n}", [text]) for name, texts in
                 (("sea", sea), ("bread", bread)) for n, text in enumerate(texts)]  # fmt: skip
    report = make_report(documents, sentences=2, topics=2)
    first, second = report["topics"]
    groups = []
    for topic in (first, second):
        most = [item["document_id"] for item in topic["documents"] if item["share"] > 0.5]
        groups.append({name.rstrip("012") for name in most})
        for item in topic["sentences"]:
            assert item["document_id"] in most
    assert sorted(map(sorted, groups)) == [["bread"], ["sea"]]
    terms = {term for topic in report["topics"] for term in topic["terms"]}
    assert {"harbour", "ship", "bread", "oven"} <= terms and "the" not in terms


def test_what_is_looked_at_is_bounded_and_no_document_takes_the_place_of_others() -> None:
    many = " ".join(
        f"Sentence {word} of a very long book says that chapter {word} is about {word}."
        for word in (chr(97 + n % 26) * 3 + chr(97 + n // 26 % 26) * 3 + chr(97 + n // 676) * 2
                     for n in range(MAX_SENTENCES + 500))
    )  # fmt: skip
    short = document("short", [_TURBINES["en"][0]])
    loaded = [LoadedDocument(item) for item in (document("book", [many]), short)]
    found = find_sentences(loaded)
    assert len(found) <= MAX_SENTENCES
    assert {item.document for item in found} == {0, 1}


def test_what_has_no_sentences_has_an_empty_summary() -> None:
    rows = document("rows", ["12 13 14\n15 16 17", ""])
    report: dict[str, Any] = make_report([rows], sentences=3, topics=3)
    assert (report["summary"], report["chronology"], report["topics"]) == ([], [], [])
    assert report["documents"][0]["name"] == "rows.pdf"
