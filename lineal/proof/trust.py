"""Collects checkpoints, and the keys that they are verified with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from lineal.lineage.canonical import subject_entries
from lineal.lineage.ledger import records_of_subject
from lineal.proof.checkpoint import OpenedCheckpoint, open_checkpoint
from lineal.proof.checkpoint_events import embedded_checkpoints
from lineal.proof.log_tables import read_log, record_leaf, tile_source
from lineal.proof.merkle import WrongProof, inclusion_proof, verify_inclusion
from lineal.proof.note import MalformedNote, VerifierKey, WrongSignature, parse_verifier_key
from lineal.proof.tiles import TiledTree
from lineal.proof.verification import VerificationContext
from lineal.store.connection import Connection

ROTATION: Final = "rotate"
"""Kind of the record that says that a key was rotated."""
KEY_BEFORE, KEY_AFTER = "key_before", "key_after"
"""Its attributes: the verifier keys."""


class FoundCheckpoint(NamedTuple):
    """A checkpoint, and where it was found."""

    where: str
    opened: OpenedCheckpoint

    @property
    def size(self) -> int:
        return self.opened.checkpoint.size


class Checkpoints(NamedTuple):
    """All checkpoints that were found."""

    found: tuple[FoundCheckpoint, ...]
    """Those that a trusted key has signed, by their size; of one size the most signed is last."""
    problems: tuple[str, ...]
    """What is wrong with the others."""


def log_subject(origin: str) -> str:
    """The subject of records about the log itself."""
    return f"log:{origin}"


def trusted_keys(context: VerificationContext) -> list[VerifierKey]:
    """The given keys, and those that were rotated to or from them.

    A record is believed that says so if it is in a tree that a key signed which is trusted already:
    the last one that the old key signs covers the record.
    """
    trusted = list(context.keys)
    tree = TiledTree(tile_source(context.connection))
    waiting = [
        item
        for origin in dict.fromkeys(key.name for key in context.keys)
        for item in _rotations(context.connection, origin)
    ]
    while waiting:
        checkpoints = find_checkpoints(context, trusted).found
        believed = [item for item in waiting if _is_signed(tree, item, checkpoints)]
        if not believed:
            break
        waiting = [item for item in waiting if item not in believed]
        added = [key for item in believed for key in item.keys]
        trusted += [key for key in dict.fromkeys(added) if key not in trusted]
    return trusted


class _Rotation(NamedTuple):
    """A record that says that a key was rotated."""

    seq: int
    leaf: bytes
    keys: tuple[VerifierKey, VerifierKey]


def _rotations(connection: Connection, origin: str) -> Iterator[_Rotation]:
    subject = log_subject(origin)
    for seq, canonical in records_of_subject(connection, subject):
        leaf = record_leaf(sha256(canonical).digest())
        for step in subject_entries(canonical, subject):
            if step.kind != ROTATION:
                continue
            named = [str(step.attributes.get(name)) for name in (KEY_BEFORE, KEY_AFTER)]
            with contextlib.suppress(MalformedNote):
                before, after = map(parse_verifier_key, named)
                yield _Rotation(seq, leaf, (before, after))


def _is_signed(tree: TiledTree, item: _Rotation, checkpoints: Sequence[FoundCheckpoint]) -> bool:
    index = item.seq - 1
    for found in checkpoints:
        with contextlib.suppress(LookupError, WrongProof):
            proof = inclusion_proof(tree, index, found.size)
            verify_inclusion(item.leaf, index, found.size, proof, found.opened.checkpoint.root)
            return True
    return False


def find_checkpoints(context: VerificationContext, keys: Sequence[VerifierKey]) -> Checkpoints:
    """Open all checkpoints: of the database, of the directory, of the topic, of
    witnesses, and those that were given."""
    found: list[FoundCheckpoint] = []
    problems: list[str] = []
    for where, size, note in _notes(context):
        try:
            opened = open_checkpoint(note, keys)
        except (MalformedNote, WrongSignature) as error:
            problems.append(f"{where}: {error}")
            continue
        if size is not None and opened.checkpoint.size != size:
            problems.append(f"{where} is a checkpoint at {opened.checkpoint.size}")
            continue
        found.append(FoundCheckpoint(where, opened))
    names = {key.name for key in keys}
    for note in _published(context):
        if note.partition(b"\n")[0].decode(errors="replace") not in names:
            continue  # of a log that was given up
        try:
            found.append(FoundCheckpoint(_ON_TOPIC, open_checkpoint(note, keys)))
        except (MalformedNote, WrongSignature) as error:
            problems.append(f"{_ON_TOPIC}: {error}")
    if not context.given:  # else whoever verifies has no need of ours
        problems += _behind(found)
    return Checkpoints(tuple(sorted(found, key=_order)), tuple(problems))


def _order(item: FoundCheckpoint) -> tuple[int, int]:
    """By size; of one size those that more have signed are last."""
    return item.size, len(item.opened.note.signatures)


def _notes(context: VerificationContext) -> Iterator[tuple[str, int | None, bytes]]:
    """Where a checkpoint is, the size that its name says, and its note."""
    row = read_log(context.connection)
    if row is not None and row.checkpoint is not None:
        yield _IN_DATABASE, None, row.checkpoint
        if row.witnessed is not None:
            yield "the witnessed checkpoint in the database", None, row.witnessed
    if context.outside.newest is not None:
        yield _OUTSIDE, None, context.outside.newest
    for name, size, note in context.outside.kept:
        yield name, size, note
    for where, note in (*context.given, *context.witnessed):
        yield where, None, note


def _published(context: VerificationContext) -> Iterator[bytes]:
    """The checkpoints on their topic."""
    if context.topics is None:
        yield from embedded_checkpoints(context.connection)
    else:
        yield from context.topics.checkpoints


_IN_DATABASE = "the checkpoint in the database"
_ON_TOPIC = "a checkpoint on the topic"
_OUTSIDE = "the newest checkpoint outside"


def _behind(found: Sequence[FoundCheckpoint]) -> Iterator[str]:
    """Where checkpoints are missing or older than elsewhere, as after an older copy is restored."""
    newest = max(found, key=lambda item: item.size, default=None)
    if newest is None:
        return
    places = {item.where for item in found}
    for where in (_IN_DATABASE, _OUTSIDE):
        if where not in places:
            yield f"{where} is missing"
    for item in found:
        if item.where in (_IN_DATABASE, _OUTSIDE) and item.size < newest.size:
            yield f"{item.where} is of {item.size} records, and {newest.where} of {newest.size}"
