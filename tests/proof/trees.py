"""RFC 6962's recursion, as the text has it, to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from lineal.proof.tiles import TILE_WIDTH


def mth(entries: Sequence[bytes]) -> bytes:
    """Section 2.1."""
    n = len(entries)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return sha256(b"\0" + entries[0]).digest()
    k = split(n)
    return sha256(b"\1" + mth(entries[:k]) + mth(entries[k:])).digest()


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """Section 2.1.1."""
    n = len(entries)
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """Section 2.1.2."""
    return subproof(m, entries, True)


def subproof(m: int, entries: Sequence[bytes], complete: bool) -> list[bytes]:
    n = len(entries)
    if m == n:
        return [] if complete else [mth(entries)]
    k = split(n)
    if m <= k:
        return [*subproof(m, entries[:k], complete), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


def tile(level: int, number: int, entries: Sequence[bytes]) -> bytes:
    """tlog-tiles' formula."""
    span = TILE_WIDTH**level
    hashes = []
    for i in range(TILE_WIDTH):
        begin = (number * TILE_WIDTH + i) * span
        if begin + span > len(entries):
            break
        hashes.append(mth(entries[begin : begin + span]))
    return b"".join(hashes)
