"""What a search by meaning finds, and for whom; what is quoted as an answer, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from lineal.store.connection import Connection
from lineal_catalog.meaning.answers import find_answers
from lineal_catalog.meaning.engine import quantize
from lineal_catalog.meaning.neighbours import nearest
from lineal_catalog.meaning.search import NothingEmbedded, find_passages
from lineal_catalog.meaning.vector_file import VectorRows
from lineal_catalog.search.entries import search
from tests.catalog.meaning.embedded import embed

LEASE = "Repairs\n\nThe landlord repairs the roof within ten days.\fThe rent is due monthly."
MANUAL = "The turbine is lubricated twice a year by the operator."


def found(connection: Connection, text: str) -> list[tuple[str, int]]:
    return [(item.document_id, item.page) for item in find_passages(connection, text)]


def test_inflected_and_misspelt_words_are_found(connection: Connection) -> None:
    embed(connection, "lease", LEASE)
    embed(connection, "manual", MANUAL)
    assert found(connection, "lubrication of turbines")[0] == ("manual", 1)
    assert found(connection, "who is responsible for reparing a roof")[0] == ("lease", 1)
    assert found(connection, "monthly rents")[0] == ("lease", 2)


def test_one_rare_word_says_more_than_many_that_stand_everywhere(connection: Connection) -> None:
    common = "\f".join(["The harbour chandlery gives a number to each invoice."] * 45)
    embed(connection, "common", common)
    embed(connection, "rare", "Nothing is owed for HC20417, which was sent back in spring.")
    question = "number HC20417 of the harbour chandlery"
    assert found(connection, question)[0] == ("rare", 1)


def test_filters_and_readers_hold_as_in_a_search_by_words(connection: Connection) -> None:
    embed(connection, "a", "The roof leaks.", language="en")
    embed(connection, "b", "The roof leaks.", language="de")
    for owner, document in (("ann", "a"), ("ben", "b")):
        connection.execute("INSERT INTO ownership VALUES (?, ?, ?)", (document, owner, 1))
    only = find_passages(connection, "leaking roof", filters={"language": "de"})
    assert [item.document_id for item in only] == ["b"]
    only = find_passages(connection, "leaking roof", filters={"owner": "ann"})
    assert [item.document_id for item in only] == ["a"]
    only = find_passages(connection, "leaking roof", names=["user:nobody"])
    by_words = search(connection, "roof", names=["user:nobody"])
    assert {item.document_id for item in only} == {hit.document_id for hit in by_words}


def test_a_document_is_replaced_whole(connection: Connection) -> None:
    embed(connection, "d", "The roof leaks.\fThe cellar is dry.")
    embed(connection, "d", "The garden is large.")
    assert found(connection, "leaking roof, dry cellar, large garden") == [("d", 1)]


def test_without_vectors_the_error_says_what_to_do(connection: Connection) -> None:
    with pytest.raises(NothingEmbedded, match="lineal replay --stage embed"):
        find_passages(connection, "roof")


def test_an_answer_is_a_sentence_of_a_document_with_its_place(connection: Connection) -> None:
    embed(connection, "lease", LEASE)
    embed(connection, "manual", MANUAL)
    answer = find_answers(connection, "Who repairs the roof?")[0]
    assert answer.text == "The landlord repairs the roof within ten days."
    assert LEASE[answer.begin : answer.end] == answer.text
    assert (answer.document_id, answer.page) == ("lease", 1)


def test_what_no_document_says_has_no_answer(connection: Connection) -> None:
    embed(connection, "lease", LEASE)
    embed(connection, "manual", MANUAL)
    assert find_answers(connection, "What is the capital of Australia?") == []


def test_neighbours_are_exact_and_come_once_each() -> None:
    chance = np.random.default_rng(5)
    vectors = quantize(chance.standard_normal((5_000, 32)).astype(np.float32))
    vectors[100:200] = vectors[0]  # ties
    lengths = np.linalg.norm(vectors.astype(np.float32), axis=1)
    rows = VectorRows(np.arange(5_000), vectors, (1 / lengths).astype(np.float32))
    wanted = chance.standard_normal(32).astype(np.float32)
    wanted /= np.linalg.norm(wanted)
    given = list(nearest(rows, wanted))
    truth = (vectors.astype(np.float64) @ wanted) / lengths
    assert sorted(id for id, _ in given) == list(range(5_000))
    assert np.allclose([cosine for _, cosine in given], np.sort(truth)[::-1], atol=1e-5)
