"""Compound files (MS-CFB) of a few streams, as Outlook and old Office programs write them."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_SECTOR = 512
_TABLES = 4
_MIN_STREAM = 4096
"""Shorter streams lie in sectors of another size; here they are filled up with zeros."""
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def compound_file(streams: Mapping[str, bytes]) -> bytes:
    """A compound file; a path with slashes lies in storages of that name."""
    entries: list[tuple[str, int, bytes]] = [("Root Entry", 5, b"")]
    children: dict[int, list[int]] = {0: []}
    storages: dict[str, int] = {"": 0}
    for path, data in streams.items():
        folder, _, name = path.rpartition("/")
        parent = 0
        for depth, part in enumerate(folder.split("/") if folder else [], 1):
            at = "/".join(folder.split("/")[:depth])
            if at not in storages:
                storages[at] = len(entries)
                children[parent].append(len(entries))
                children[len(entries)] = []
                entries.append((part, 1, b""))
            parent = storages[at]
        children[parent].append(len(entries))
        entries.append((name, 2, data.ljust(_MIN_STREAM, b"\0")))
    fat = [_FAT] * _TABLES
    sectors: list[bytes] = []
    starts: dict[int, int] = {}
    for number, (_, kind, data) in enumerate(entries):
        if kind == 2 and data:
            starts[number] = len(fat)
            _chain(data, fat, sectors)
    siblings = {
        child: following
        for listed in children.values()
        for child, following in zip(listed, [*listed[1:], _FREE], strict=True)
    }
    directory = b"".join(
        _entry(
            name,
            kind,
            siblings.get(number, _FREE),
            children[number][0] if children.get(number) else _FREE,
            starts.get(number, _END),
            len(data),
        )
        for number, (name, kind, data) in enumerate(entries)
    )
    first = len(fat)
    _chain(directory, fat, sectors)
    assert len(fat) <= _TABLES * _SECTOR // 4, "the tables have no room for so much"
    fat += [_FREE] * (_TABLES * _SECTOR // 4 - len(fat))
    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes(16), 0x3E, 3, 0xFFFE, 9, 6,
        0, _TABLES, first, 0, _MIN_STREAM, _END, 0, _END, 0,
    )  # fmt: skip
    header += struct.pack("<109I", *range(_TABLES), *([_FREE] * (109 - _TABLES)))
    return header + struct.pack(f"<{len(fat)}I", *fat) + b"".join(sectors)


def _chain(data: bytes, fat: list[int], sectors: list[bytes]) -> None:
    count = -(-len(data) // _SECTOR)
    for number in range(count):
        sectors.append(data[number * _SECTOR : (number + 1) * _SECTOR].ljust(_SECTOR, b"\0"))
        fat.append(len(fat) + 1 if number + 1 < count else _END)


def _entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16sI8s8sIQ",
        encoded, len(encoded) + 2, kind, 1, _FREE, right, child, bytes(16), 0, bytes(8), bytes(8),
        start, size,
    )  # fmt: skip
