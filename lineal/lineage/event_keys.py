"""What leads from an event to the records of the steps that handled or emitted it.

The ids of emitted events are not in a record: they are derived from it. The key of a UUID is made
of its bytes, so that of a derived id that much of the digest it comes from is enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from lineal.lineage.record import Record
from lineal.store.key_index import KEY_BYTES, text_key
from lineal_schemas.ids import ID_BYTES, output_digest, output_ending

_CHARACTERS = 36
_MIXED = ((0, 15), (1, 14), (2, 13), (3, 12), (4, 11), (5, 10), (7, 9))
"""Bytes of a UUID that make one of its key. Of time and machine, of numbers that count up, or drawn
by chance: one of each two differs. Version and variant are in none."""


def event_key(event_id: str) -> bytes:
    """The key of an event's id."""
    return next(_keys_of([event_id], []))


def event_keys(record: Record) -> Iterator[bytes]:
    """The keys of all events that the steps of a record handled or emitted."""
    ids: list[str] = []
    digests: list[bytes] = []
    build = record.build
    for entry in record.steps:
        events_in = entry.events_in
        ids += events_in
        ids += entry.events_out
        if entry.emitted and build is not None and events_in:
            input_id = entry.input_id
            endings = _endings(build.stage, build.version, entry.emitted)
            digests += [output_digest(input_id, ending) for ending in endings]
    return _keys_of(ids, digests)


@lru_cache(maxsize=1024)
def _endings(stage: str, version: str, emitted: tuple[str, ...]) -> tuple[bytes, ...]:
    ordinals: Counter[str] = Counter()
    endings = []
    for kind in emitted:
        endings.append(output_ending(stage, version, kind, ordinals[kind]))
        ordinals[kind] += 1
    return tuple(endings)


def _keys_of(ids: Sequence[str], digests: Sequence[bytes]) -> Iterator[bytes]:
    # Of all together: one by one it takes three times as long.
    uuids = [text for text in ids if len(text) == _CHARACTERS and text[8:24:5] == "----"]
    try:
        raw = bytes.fromhex("".join(uuids).replace("-", ""))
    except ValueError:
        raw = b""
    if len(raw) != ID_BYTES * len(uuids):
        uuids, raw = [], b""
    if len(uuids) < len(ids):
        known = set(uuids)
        for text in ids:
            if text not in known:
                yield text_key(text)
    raw += b"".join(digests)
    count = len(raw) // ID_BYTES
    one, other = bytearray(KEY_BYTES * count), bytearray(KEY_BYTES * count)
    for place, (first, second) in enumerate(_MIXED):
        one[place::KEY_BYTES] = raw[first::ID_BYTES]
        other[place::KEY_BYTES] = raw[second::ID_BYTES]
    mixed = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    keys = mixed.to_bytes(KEY_BYTES * count, "big")
    for at in range(0, len(keys), KEY_BYTES):
        yield keys[at : at + KEY_BYTES]
