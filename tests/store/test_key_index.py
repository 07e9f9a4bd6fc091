"""The index finds what was added, however much it is and however it came."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from lineal.store.connection import Connection
from lineal.store.key_index import add_entries, find_numbers, index_entries, text_key


def key(number: int) -> bytes:
    return sha256(str(number).encode()).digest()[:7]


def index_entry(key: bytes, number: int) -> bytes:
    return index_entries([key], number)


@pytest.mark.parametrize("at_once", [3, 700, 60_000])
def test_every_number_is_found_under_its_key(connection: Connection, at_once: int) -> None:
    count = 60_000 if at_once > 3 else 6_000
    entries = [index_entry(key(n % (count // 3)), n) for n in range(count)]
    connection.execute("BEGIN")
    for begin in range(0, count, at_once):
        add_entries(connection, entries[begin : begin + at_once])
    connection.execute("COMMIT")
    for n in random.Random(1).sample(range(count // 3), 300):
        assert find_numbers(connection, key(n)) == [n, n + count // 3, n + 2 * count // 3]
    assert find_numbers(connection, key(-1)) == []
    (size,) = connection.execute("SELECT CAST(sum(size) AS INTEGER) FROM ledger_index").fetchone()
    assert size == 12 * count, "nothing is kept twice"


def test_small_transactions_do_not_leave_a_row_each(connection: Connection) -> None:
    connection.execute("BEGIN")
    for n in range(1_000):
        add_entries(connection, [index_entry(key(n), n)])
    connection.execute("COMMIT")
    (rows,) = connection.execute("SELECT count(*) FROM ledger_index").fetchone()
    assert rows < 10


def test_one_key_may_have_any_number_of_numbers(connection: Connection) -> None:
    hot = key(7)
    connection.execute("BEGIN")
    for begin in range(0, 50_000, 1_000):
        add_entries(connection, [index_entry(hot, n) for n in range(begin, begin + 1_000)])
        add_entries(connection, [index_entry(key(begin + 1), begin)])
    connection.execute("COMMIT")
    assert find_numbers(connection, hot) == list(range(50_000))
    assert find_numbers(connection, key(1_001)) == [1_000]


def test_bytes_that_only_look_like_a_key_are_no_entry(connection: Connection) -> None:
    """The end of one entry and the beginning of the next, put together."""
    one, other = index_entry(bytes(range(7)), 0x0102030405), index_entry(bytes(range(9, 16)), 9)
    add_entries(connection, [one, other])
    straddling = (one + other)[7:14]
    assert find_numbers(connection, straddling) == []
    assert find_numbers(connection, bytes(range(7))) == [0x0102030405]


def test_what_is_undone_is_gone(connection: Connection) -> None:
    connection.execute("BEGIN")
    add_entries(connection, [index_entry(text_key("a"), 1)])
    connection.execute("ROLLBACK")
    assert find_numbers(connection, text_key("a")) == []


def test_the_largest_number_is_a_number_like_others(connection: Connection) -> None:
    add_entries(connection, [index_entry(text_key("a"), (1 << 40) - 1)])
    assert find_numbers(connection, text_key("a")) == [(1 << 40) - 1]
