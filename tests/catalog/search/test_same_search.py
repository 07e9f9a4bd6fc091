"""Whatever is typed finds the same pages in Postgres as in the embedded database."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal.store.connection import Connection
from lineal_catalog.search.entries import SearchPage, replace_document, search
from lineal_local.postgres import Postgres
from tests.long import examples
from tests.store.stores import postgres_connection, sqlite_connection

WORDS = [
    "fox", "foxglove", "red", "Réd", "dog", "dogs", "INV-2026/17", "a.b", "x_y", "naïve", "über",
    "Ärger", "don't", "100%", "e\u0301tude", "ﬁne", "½", "½cup", "№5", "日本語", "東京",
    "日本東京", "語A", "กรุงเทพ", "서울에서", "ｆｏｘ", "fo\u00adx",
    "\x00",
    "λογαριασμός", "Straße", "strasse", "Ørsted", "счёт", "فَاتُورَة", "שָׁלוֹם", "٢٠٢٤",
    "a\u200db", "fox-\nglove", "do-\ngs",
]  # fmt: skip
OPERATORS = ["AND", "OR", "NOT", "AND NOT", "(", ")", '"', "*"]

pieces = st.sampled_from([*WORDS, *OPERATORS, "fo*", '"red fox"', '"a b"', "17", "dog*"])
queries = st.lists(pieces, max_size=7).map(" ".join)


@pytest.fixture(scope="module")
def both(postgres: Postgres) -> Iterator[tuple[Connection, Connection]]:
    chance = random.Random(1)
    pages = [
        SearchPage(number, " ".join(chance.choices(WORDS, k=chance.randint(1, 9))))
        for number in range(1, 61)
    ]
    with (
        postgres.database() as url,
        postgres_connection(url) as shared,
        sqlite_connection() as embedded,
    ):
        for connection in (shared, embedded):
            replace_document(connection, "d", pages, {})
        yield shared, embedded


def found(connection: Connection, text: str) -> set[int]:
    return {hit.page for hit in search(connection, text, limit=1_000)}


@settings(max_examples=examples(300))
@given(queries)
def test_the_same_pages_are_found(both: tuple[Connection, Connection], text: str) -> None:
    shared, embedded = both
    assert found(shared, text) == found(embedded, text)


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_found_where_it_stands(
    both: tuple[Connection, Connection], word: str
) -> None:
    shared, embedded = both
    assert found(shared, word) == found(embedded, word)
