"""Paths, tiles and bundles as tlog-tiles says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.proof.tiles import (
    Tile,
    pack_bundle,
    parse_tile_path,
    split_hashes,
    tile_exists,
    tiles_of,
    unpack_bundle,
)


def test_the_examples_of_the_specification() -> None:
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"
    assert Tile(None, 0, 17).path == "tile/entries/000.p/17"
    assert set(tiles_of(70_000)) == {
        Tile(0, 272), Tile(0, 273, 112), Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1),
    }  # fmt: skip
    assert set(tiles_of(256)) == {Tile(0, 0), Tile(1, 0, 1)}
    assert list(tiles_of(0)) == []


@given(st.none() | st.integers(0, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_a_path_names_its_tile(level: int | None, number: int, width: int) -> None:
    assert parse_tile_path(Tile(level, number, width).path) == Tile(level, number, width)


@pytest.mark.parametrize(
    "path",
    ["tile/0/1", "tile/00/001", "tile/64/001", "tile/0/x000/001", "tile/0/001.p/0", "checkpoint",
     "tile/0/001.p/256", "tile/0/001.p/01", "tile/0/x001/x01/001", "/tile/0/001", "tile/0/001/",
     "tile/0/001.p/999", "tile/entries/001\n", "tile/0/٠٠١"],
)  # fmt: skip
def test_what_names_no_tile(path: str) -> None:
    with pytest.raises(ValueError, match="no path of a tile"):
        parse_tile_path(path)


def test_which_tiles_a_tree_has() -> None:
    assert tile_exists(Tile(0, 273, 112), 70_000)
    assert not tile_exists(Tile(0, 273, 113), 70_000)
    assert tile_exists(Tile(2, 0, 1), 70_000)
    assert not tile_exists(Tile(2, 0, 1), 65_535)
    assert tile_exists(Tile(None, 0, 1), 1)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_gives_its_entries(entries: list[bytes]) -> None:
    packed = pack_bundle(entries)
    assert unpack_bundle(packed) == entries
    if packed:
        with pytest.raises(ValueError, match="cut off"):
            unpack_bundle(packed[:-1] if entries[-1] else packed + b"\1")


def test_what_is_too_large() -> None:
    with pytest.raises(ValueError, match="65536 bytes"):
        pack_bundle([bytes(65_536)])
    with pytest.raises(ValueError, match="257 entries"):
        unpack_bundle(bytes(2 * 257))
    with pytest.raises(ValueError, match="31 bytes"):
        split_hashes(bytes(31))
