"""Proof bundles: the records about a subject, with proofs that third parties can check.

A bundle is a zip file. ``bundle.json`` says what it is about; ``records/N.json`` are the records, N
being a record's place in the log (from 0), and ``records/N.tlog-proof`` the proof of each
(c2sp.org/tlog-proof), which holds the signed checkpoint. A record is logged as the SHA-256 of its
file. ``objects/SHA256`` are bytes that the records name, where they were asked for. In a bundle of
a log that another one covers, ``cover/N.json`` is the record of that other log which holds the
checkpoint, and ``cover/N.tlog-proof`` its proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import orjson

from lineal.errors import LinealError, ObjectMissing
from lineal.lineage.canonical import parse_build, parse_record
from lineal.lineage.ledger import lost_records, records_of_output, records_of_subject
from lineal.lineage.record import Build
from lineal.proof.checkpoint import OpenedCheckpoint
from lineal.proof.inclusion import InclusionProof
from lineal.proof.log_tables import record_leaf, tile_source
from lineal.proof.merkle import WrongProof, inclusion_proof, verify_inclusion
from lineal.proof.tiles import TiledTree
from lineal.store.connection import Connection

VERSION = 1
MEDIA_TYPE = "application/vnd.lineal.bundle+zip"
_WRITTEN = (1980, 1, 1, 0, 0, 0)
"""The same of every file: what was proven twice is the same bundle."""
_COMPRESSION = 1
"""zlib's: most of a record is digests, of which no level makes less than another."""
_EVENT = "event"
"""Role of data that was on the bus, and is in no object store."""

_VERIFY = "`lineal verify` says what is wrong"
Read = Callable[[str], Iterator[bytes]]
"""Gives the bytes of an object, piece by piece; raises ObjectMissing before the first."""


class NotProven(LinealError):
    """A record is not in the signed tree, so it cannot be proved."""


class Evidence(NamedTuple):
    """A record, and the proof that it is in the log."""

    seq: int
    canonical: bytes
    proof: InclusionProof


def records_behind(connection: Connection, subject: str) -> dict[int, bytes]:
    """The records about a subject, and those about what its outputs were made with: where these
    artifacts come from. Canonical bytes by their numbers, in order.

    Raises:
        NotProven: the ledger has lost one of them.
    """
    found: dict[int, bytes] = {}
    waiting, seen = [subject], {subject}
    while waiting:
        about = waiting.pop()
        if lost := lost_records(connection, about):
            raise NotProven(f"record {lost[0]}, which is about {about}, is missing: {_VERIFY}")
        for seq, canonical in records_of_subject(connection, about):
            if seq in found:
                continue
            found[seq] = canonical
            for named in _subjects_of_artifacts(connection, parse_build(canonical)):
                if named not in seen:
                    seen.add(named)
                    waiting.append(named)
    return dict(sorted(found.items()))


def _subjects_of_artifacts(connection: Connection, build: Build | None) -> Iterator[str]:
    for artifact in build.artifacts if build is not None else ():
        for _, canonical in records_of_output(connection, artifact.sha256):
            for entry in parse_record(canonical).steps:
                if any(item.sha256 == artifact.sha256 for item in entry.outputs):
                    yield entry.subject


def prove_records(
    connection: Connection, records: Iterable[tuple[int, bytes]], opened: OpenedCheckpoint
) -> list[Evidence]:
    """The proofs of records, each checked.

    Raises:
        NotProven: one is not in the tree of the checkpoint, or not as it was logged.
    """
    signed = opened.checkpoint
    note = str(opened.note).encode()
    tree = TiledTree(tile_source(connection))
    evidence = []
    for seq, canonical in records:
        index, leaf = seq - 1, record_leaf(sha256(canonical).digest())
        try:
            hashes = inclusion_proof(tree, index, signed.size)
            verify_inclusion(leaf, index, signed.size, hashes, signed.root)
        except (LookupError, WrongProof) as error:
            raise NotProven(
                f"record {seq} is not in the log of {signed.size} records that was signed: {error}"
            ) from error
        evidence.append(Evidence(seq, canonical, InclusionProof(index, tuple(hashes), note)))
    return evidence


def objects_named(evidence: Iterable[Evidence]) -> list[str]:
    """The digests of what steps read and made that may be in the object store."""
    return list(
        dict.fromkeys(
            item.sha256
            for one in evidence
            for entry in parse_record(one.canonical).steps
            for item in (*entry.inputs, *entry.outputs)
            if item.role != _EVENT
        )
    )


def write_bundle(
    file: Path,
    about: str,
    evidence: list[Evidence],
    read: Read | None = None,
    cover: Evidence | None = None,
) -> list[str]:
    """Write a bundle.

    Args:
        read: gives the bytes of objects, to be put into it.
        cover: the record of another log that holds the checkpoint.

    Returns:
        The digests of objects that are in it.

    Raises:
        ObjectCorrupt: an object is not what its digest says.
        OSError: the file cannot be written.
    """
    temporary = file.with_name(f".{file.name[:100]}.{uuid4().hex[:8]}")
    try:
        with ZipFile(temporary, "x", compresslevel=_COMPRESSION) as bundle:
            kept = [] if read is None else list(_put_objects(bundle, evidence, read))
            files = [_put_record(bundle, "records", one) for one in evidence]
            said = {"about": about, "objects": kept, "records": files, "version": VERSION}
            if cover is not None:
                said["cover"] = _put_record(bundle, "cover", cover)
            _put(bundle, "bundle.json", orjson.dumps(said, option=orjson.OPT_INDENT_2) + b"\n")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return kept


def _put_record(bundle: ZipFile, folder: str, one: Evidence) -> dict[str, str]:
    name = f"{folder}/{one.proof.leaf_index}"
    _put(bundle, f"{name}.json", one.canonical)
    _put(bundle, f"{name}.tlog-proof", bytes(one.proof))
    return {"record": f"{name}.json", "proof": f"{name}.tlog-proof"}


def _put_objects(bundle: ZipFile, evidence: list[Evidence], read: Read) -> Iterator[str]:
    for digest in objects_named(evidence):
        pieces = read(digest)
        try:
            first = next(pieces, b"")
        except ObjectMissing:  # erased, or never kept: the record names it all the same
            continue
        with bundle.open(_info(f"objects/{digest}"), "w", force_zip64=True) as target:
            target.write(first)
            for piece in pieces:
                target.write(piece)
        yield digest


def _put(bundle: ZipFile, name: str, data: bytes) -> None:
    bundle.writestr(_info(name), data, compresslevel=_COMPRESSION)


def _info(name: str) -> ZipInfo:
    info = ZipInfo(name, _WRITTEN)
    info.compress_type = ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info
