"""An index of hashed keys whose cost does not grow with what is in it.

A key is seven evenly distributed bytes (of a digest); it leads to numbers of records. In a b-tree
every such key changes a page of its own, which is not in memory as soon as the tree is larger than
that. Here entries are appended to the root of a trie, as one row for a transaction. A node that is
full deals its entries out to sixteen children by the next four bits of their keys, a row for each
child: an entry is written once a level, always together with hundreds of others, and there are four
levels at thirty million entries. Whoever looks for a key reads the rows of the nodes on its way,
some hundred kilobytes, and scans them.

Only one transaction at a time may add entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from struct import Struct

from lineal.store.connection import Connection
from lineal.store.rows import insert_rows

KEY_BYTES = 7
_NUMBER_BYTES = 5
_ENTRY_BYTES = KEY_BYTES + _NUMBER_BYTES
_ROOT = 1
_CHILDREN = 16
_MAX_LEVEL = 8
"""Below it nothing is dealt out: what fills such a node is one key with very many numbers."""
_MAX_ROW_BYTES = 256 * _ENTRY_BYTES
"""Small transactions fill the last row of the root up to this, instead of adding another."""
_NODE_BYTES = 4096 * _ENTRY_BYTES
_SPREAD_BYTES = _NODE_BYTES // 2
_MANY = Struct(f"{_ENTRY_BYTES}s" * 64)
_ONE = Struct(f"{_ENTRY_BYTES}s")
_HIGH = bytes(byte >> 4 for byte in range(256))
_LOW = bytes(byte & 15 for byte in range(256))


def text_key(text: str) -> bytes:
    """The key of a text."""
    return blake2b(text.encode(), digest_size=8).digest()[:KEY_BYTES]


subject_key = lru_cache(maxsize=4096)(text_key)
"""The same of a text that is soon asked for again."""


def index_entries(keys: Iterable[bytes], number: int) -> bytes:
    """What :func:`add_entries` takes, for keys that lead to a number: the entries in a row."""
    return number.to_bytes(_NUMBER_BYTES, "big").join([*keys, b""])


def add_entries(connection: Connection, entries: Iterable[bytes]) -> None:
    """Add entries (:func:`index_entries`) to the index."""
    added = b"".join(entries)
    if not added:
        return
    rows = connection.execute(
        "SELECT id, size FROM ledger_index WHERE node = ? ORDER BY id", (_ROOT,)
    ).fetchall()
    if sum(size for _, size in rows) + len(added) > _NODE_BYTES:
        _deal_out(connection, _ROOT, 0, added)
    elif rows and rows[-1][1] + len(added) <= _MAX_ROW_BYTES:
        number = rows[-1][0]
        (last,) = connection.execute(
            "SELECT entries FROM ledger_index WHERE id = ?", (number,)
        ).fetchone()
        filled = bytes(last) + added
        connection.execute(
            "UPDATE ledger_index SET size = ?, entries = ? WHERE id = ?",
            (len(filled), filled, number),
        )
    else:
        _insert(connection, [(_ROOT, added)])


def find_numbers(connection: Connection, key: bytes) -> list[int]:
    """The numbers that a key leads to, in their order; some may be of another key that has the
    same seven bytes."""
    rows = connection.execute(
        f"SELECT entries FROM ledger_index WHERE node IN ({', '.join('?' * (_MAX_LEVEL + 1))})",
        _nodes_on_the_way(key),
    )
    found: set[int] = set()
    for (entries,) in rows:
        data = bytes(entries)
        place = data.find(key)
        while place >= 0:
            if place % _ENTRY_BYTES == 0:
                found.add(int.from_bytes(data[place + KEY_BYTES : place + _ENTRY_BYTES], "big"))
            place = data.find(key, place + 1)
    return sorted(found)


def node_entries(connection: Connection) -> Iterator[tuple[int, bytes, bool]]:
    """Everything that is in the index, row by row: the node, its entries
    (:func:`separate_entries`), and whether anything is wrong with the row: entries that
    :func:`find_numbers` would not find there, or its size."""
    for node, size, kept in connection.stream("SELECT node, size, entries FROM ledger_index"):
        data = bytes(kept)
        whole = len(data) - len(data) % _ENTRY_BYTES
        level, odd = divmod(max(node, 1).bit_length() - 1, 4)
        wrong = size != len(data) or whole < len(data) or node < 1 or odd or level > _MAX_LEVEL
        yield node, data[:whole], bool(wrong or _misplaced(data, level, node))


def _misplaced(entries: bytes, level: int, node: int) -> bool:
    """Whether one of some entries has a key whose first bits are not those of the node."""
    count = len(entries) // _ENTRY_BYTES
    for place in range(level):
        column = entries[place // 2 :: _ENTRY_BYTES].translate(_LOW if place % 2 else _HIGH)
        if column.count(node >> 4 * (level - 1 - place) & 15) != count:
            return True
    return False


def separate_entries(entries: bytes) -> Iterator[bytes]:
    """The entries of a row, one by one."""
    return chain.from_iterable(_ONE.iter_unpack(entries))


def entry_number(entry: bytes) -> int:
    """The number that an entry leads to."""
    return int.from_bytes(entry[KEY_BYTES:], "big")


def _nodes_on_the_way(key: bytes) -> Sequence[int]:
    # A node's number is a 1 followed by the bits of the keys that are in it.
    bits = 8 * KEY_BYTES
    whole = 1 << bits | int.from_bytes(key, "big")
    return [whole >> (bits - 4 * level) for level in range(_MAX_LEVEL + 1)]


def _insert(connection: Connection, rows: Sequence[tuple[int, bytes]]) -> None:
    insert_rows(
        connection,
        "INSERT INTO ledger_index (node, size, entries)",
        [(node, len(entries), entries) for node, entries in rows],
    )


def _deal_out(connection: Connection, node: int, level: int, added: bytes) -> None:
    """Give all entries of a node, and those that are added to it, to its children."""
    rows = connection.execute("SELECT entries FROM ledger_index WHERE node = ?", (node,))
    entries = b"".join([*(bytes(row[0]) for row in rows), added])
    connection.execute("DELETE FROM ledger_index WHERE node = ?", (node,))
    first = node * _CHILDREN
    sizes: dict[int, int] = dict(
        connection.execute(
            "SELECT node, CAST(sum(size) AS INTEGER) FROM ledger_index "
            "WHERE node >= ? AND node < ? GROUP BY node",
            (first, first + _CHILDREN),
        ).fetchall()
    )
    fitting = []
    for number, part in enumerate(_by_next_bits(entries, level), first):
        if not part:
            continue
        if level + 1 < _MAX_LEVEL and sizes.get(number, 0) + len(part) > _capacity(number):
            _deal_out(connection, number, level + 1, part)
        else:
            fitting.append((number, part))
    _insert(connection, fitting)


def _capacity(node: int) -> int:
    """Not the same for all: keys being evenly distributed, the nodes of a level would all be full
    at the same time, and one transaction would deal out thousands."""
    return _NODE_BYTES - _SPREAD_BYTES // 2 + node * 2654435761 % _SPREAD_BYTES


def _by_next_bits(entries: bytes, level: int) -> list[bytes]:
    bits = entries[level // 2 :: _ENTRY_BYTES].translate(_LOW if level % 2 else _HIGH)
    parts: list[list[bytes]] = [[] for _ in range(_CHILDREN)]
    adding = [part.append for part in parts]
    body = len(entries) - len(entries) % _MANY.size
    view = memoryview(entries)
    each = chain.from_iterable(
        (*_MANY.iter_unpack(view[:body]), *_ONE.iter_unpack(view[body:])),
    )
    for child, entry in zip(bits, each, strict=True):
        adding[child](entry)
    return [b"".join(part) for part in parts]
