"""Rows of the b-trees of an SQLite database, page by page: around what is damaged."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lineal.errors import LinealError
from lineal.store.page_file import PageFile

Row = tuple[Any, ...]
INTERIOR_INDEX, INTERIOR_TABLE, LEAF_INDEX, LEAF_TABLE = 2, 5, 10, 13
KINDS = frozenset((INTERIOR_INDEX, INTERIOR_TABLE, LEAF_INDEX, LEAF_TABLE))
OF_TABLES = frozenset((INTERIOR_TABLE, LEAF_TABLE))
"""Kinds of the pages of tables that have row ids; the others are of indexes and WITHOUT ROWID."""
_FILE_HEAD = 100
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)


class StoredRow(NamedTuple):
    """A row as it is stored."""

    rowid: int | None
    """None in an index."""
    values: Row


@dataclass(slots=True)
class TreePage:
    """What a page of a b-tree holds."""

    kind: int
    rows: list[StoredRow] = field(default_factory=list)
    children: list[int] = field(default_factory=list)
    cells_lost: int = 0
    """Rows and children that cannot be read."""


class PageDamaged(LinealError, ValueError):
    """A page is not what it should be."""


def read_tree_page(file: PageFile, number: int) -> TreePage:
    """Read a page of a b-tree.

    Raises:
        PageDamaged: it is none.
    """
    try:
        data = file.page(number)
    except LookupError as error:
        raise PageDamaged(str(error)) from error
    head = _FILE_HEAD if number == 1 else 0
    kind = data[head]
    if kind not in KINDS:
        raise PageDamaged(f"page {number} is of no b-tree")
    page = TreePage(kind)
    is_interior = kind in (INTERIOR_INDEX, INTERIOR_TABLE)
    (cells,) = struct.unpack_from(">H", data, head + 3)
    begin = head + (12 if is_interior else 8)
    if begin + 2 * cells > len(data):
        raise PageDamaged(f"page {number} cannot have {cells} cells")
    for (at,) in struct.iter_unpack(">H", data[begin : begin + 2 * cells]):
        try:
            _read_cell(file, data, at, begin + 2 * cells, page)
        except (PageDamaged, LookupError, ValueError, struct.error):
            page.cells_lost += 1
    if is_interior:
        (last,) = struct.unpack_from(">I", data, head + 8)
        page.children.append(last)
    there = [child for child in page.children if 1 <= child <= file.count]
    page.cells_lost += len(page.children) - len(there)
    page.children = there
    return page


def tree_pages(file: PageFile, root: int, damaged: set[int]) -> Iterator[tuple[int, TreePage]]:
    """The pages of a b-tree that can be reached.

    Args:
        damaged: takes the numbers of those that cannot be read, or not as a whole.
    """
    waiting, seen = [root], set[int]()
    of_tables: bool | None = None
    while waiting:
        number = waiting.pop()
        if number in seen:
            damaged.add(number)
            continue
        seen.add(number)
        try:
            page = read_tree_page(file, number)
        except PageDamaged:
            damaged.add(number)
            continue
        if of_tables is None:
            of_tables = page.kind in OF_TABLES
        if (page.kind in OF_TABLES) != of_tables:
            damaged.add(number)
            continue
        if page.cells_lost:
            damaged.add(number)
        waiting += reversed(page.children)
        yield number, page


def _read_cell(file: PageFile, data: bytes, at: int, lowest: int, page: TreePage) -> None:
    if not lowest <= at < len(data):
        raise PageDamaged("a cell is not on its page")
    if page.kind in (INTERIOR_INDEX, INTERIOR_TABLE):
        (child,) = struct.unpack_from(">I", data, at)
        page.children.append(child)
        at += 4
        if page.kind == INTERIOR_TABLE:
            return
    size, at = _varint(data, at)
    rowid = None
    if page.kind == LEAF_TABLE:
        rowid, at = _varint(data, at)
        rowid -= (rowid >> 63) << 64
    payload = _payload(file, data, at, size, page.kind)
    page.rows.append(StoredRow(rowid, _values(payload)))


def _payload(file: PageFile, data: bytes, at: int, size: int, kind: int) -> bytes:
    """The bytes of a row, with what did not find room on its page."""
    room = len(data)
    most = room - 35 if kind == LEAF_TABLE else (room - 12) * 64 // 255 - 23
    if size <= most:
        if at + size > room:
            raise PageDamaged("a row ends behind its page")
        return data[at : at + size]
    if size > file.count * room:
        raise PageDamaged("a row is longer than the database")
    least = (room - 12) * 32 // 255 - 23
    here = least + (size - least) % (room - 4)
    here = here if here <= most else least
    parts = [data[at : at + here]]
    missing = size - here
    (following,) = struct.unpack_from(">I", data, at + here)
    while missing:
        part = file.page(following)
        (following,) = struct.unpack_from(">I", part)
        parts.append(part[4 : 4 + missing])
        missing -= len(parts[-1])
    if following:
        raise PageDamaged("a row goes on behind its end")
    return b"".join(parts)


def _values(payload: bytes) -> Row:
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Any] = []
    for kind in kinds:
        if kind <= 6:
            size = _INTEGER_BYTES[kind]
            raw = payload[at : at + size]
            values.append(int.from_bytes(raw, "big", signed=True) if kind else None)
        elif kind == 7:
            size = 8
            values.append(struct.unpack_from(">d", payload, at)[0])
        elif kind in (8, 9):
            size = 0
            values.append(kind - 8)
        elif kind >= 12:
            size = (kind - 12) // 2
            raw = payload[at : at + size]
            values.append(raw.decode() if kind % 2 else raw)
        else:
            raise PageDamaged(f"there is no type {kind}")
        at += size
    if at != len(payload):
        raise PageDamaged("a row is not as long as it says")
    return tuple(values)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of at most nine bytes, and where the next begins.

    Raises:
        IndexError: it does not end.
    """
    value = 0
    for number in range(9):
        byte = data[at]
        at += 1
        if number == 8:
            return value << 8 | byte, at
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return value, at
