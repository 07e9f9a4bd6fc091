"""Tiles and entry bundles of a log, as C2SP tlog-tiles says (c2sp.org/tlog-tiles).

A tile holds up to 256 hashes of one level of the tree; its level 0 has the leaves, and a hash at
level L is the root over a full tile at level L - 1. A tile that is not full holds a beginning of
what it will hold: the partial tile of an earlier tree is read out of the later one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from lineal.proof.merkle import HASH_BYTES, range_root, root_of

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_BYTES
MAX_LEVEL = 63
MAX_ENTRY_BYTES = 65_535
"""An entry's length is two bytes."""

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<above>(?:x[0-9]{3}/)*)(?P<last>[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)

TileSource = Callable[[int, int], bytes]
"""Gives what there is of the tile of a level and number: its hashes one after the other, none if
there is no such tile."""


class Tile(NamedTuple):
    """The address of a tile: its level, index and width."""

    level: int | None
    """None for a bundle of entries."""
    number: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Its path below the log's prefix."""
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_number_path(self.number)}{partial}"


def _number_path(number: int) -> str:
    parts = [f"{number % 1000:03}"]
    while number := number // 1000:
        parts.append(f"x{number % 1000:03}")
    return "/".join(reversed(parts))


def parse_tile_path(path: str) -> Tile:
    """The tile that a path names.

    Raises:
        ValueError: it names none.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise ValueError(f"{path!r} is no path of a tile")
    level = None if found["level"] == "entries" else int(found["level"])
    number = int(found["above"].replace("x", "").replace("/", "") + found["last"])
    width = TILE_WIDTH if found["width"] is None else int(found["width"])
    tile = Tile(level, number, width)
    partial = found["width"] is not None
    if (level or 0) > MAX_LEVEL or (partial and width >= TILE_WIDTH) or tile.path != path:
        raise ValueError(f"{path!r} is no path of a tile")
    return tile


def tiles_of(size: int) -> Iterator[Tile]:
    """The tiles at the right edge of a tree, level by level: its last full tile and its partial
    one, where it has them."""
    level = 0
    while size:
        full, partial = divmod(size, TILE_WIDTH)
        if full:
            yield Tile(level, full - 1)
        if partial:
            yield Tile(level, full, partial)
        level, size = level + 1, full


def tile_exists(tile: Tile, size: int) -> bool:
    """Whether a tree of so many leaves has a tile, of at least this width."""
    hashes = size >> (TILE_HEIGHT * (tile.level or 0))
    return tile.number * TILE_WIDTH + tile.width <= hashes


def split_hashes(tile: bytes) -> list[bytes]:
    """A tile's hashes.

    Raises:
        ValueError: it is cut off.
    """
    if len(tile) % HASH_BYTES or len(tile) > TILE_BYTES:
        raise ValueError(f"a tile of {len(tile)} bytes")
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


class TiledTree:
    """A tree read from its tiles; see :class:`lineal.proof.merkle.Subtrees`."""

    def __init__(self, source: TileSource) -> None:
        self._source = source
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def subtree(self, height: int, index: int) -> bytes:
        level, above = divmod(height, TILE_HEIGHT)
        width = 1 << above
        number, first = divmod(index * width, TILE_WIDTH)
        hashes = self._hashes(level, number)[first : first + width]
        if len(hashes) < width:
            raise LookupError(f"tile {level}/{number} is missing or cut off")
        return root_of(hashes)

    def root(self, size: int) -> bytes:
        """The root hash of the tree at a size, in leaves.

        Raises:
            LookupError: tiles are missing.
        """
        return range_root(self, 0, size)

    def leaf(self, index: int) -> bytes:
        """A leaf's hash.

        Raises:
            LookupError: tiles are missing.
        """
        return self.subtree(0, index)

    def _hashes(self, level: int, number: int) -> list[bytes]:
        key = level, number
        if key not in self._tiles:
            try:
                self._tiles[key] = split_hashes(self._source(level, number))
            except ValueError as error:
                raise LookupError(f"tile {level}/{number}: {error}") from error
        return self._tiles[key]


def pack_bundle(entries: Sequence[bytes]) -> bytes:
    """A bundle of entries, each behind its length.

    Raises:
        ValueError: an entry is too large for one.
    """
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise ValueError(f"an entry of {len(entry)} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unpack_bundle(bundle: bytes) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        ValueError: it is cut off, or has too many.
    """
    entries = []
    place = 0
    while place < len(bundle):
        begin = place + 2
        place = begin + int.from_bytes(bundle[place:begin], "big")
        if begin > len(bundle) or place > len(bundle):
            raise ValueError("a bundle of entries is cut off")
        entries.append(bundle[begin:place])
    if len(entries) > TILE_WIDTH:
        raise ValueError(f"a bundle of {len(entries)} entries")
    return entries
