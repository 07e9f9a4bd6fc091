"""Collecting the cosignatures of the witnesses that the policy names."""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

from lineal.errors import LinealError
from lineal.proof.checkpoint import parse_checkpoint
from lineal.proof.http import Unreachable, request
from lineal.proof.log_tables import read_log, replace_checkpoint, set_witnessed, tile_source
from lineal.proof.merkle import consistency_proof
from lineal.proof.note import (
    MalformedNote,
    Note,
    NoteSignature,
    WrongSignature,
    parse_note,
    parse_signatures,
    verified_keys,
)
from lineal.proof.policy import KnownWitness, Policy
from lineal.proof.tiles import TiledTree
from lineal.proof.witness import AddCheckpoint
from lineal.proof.writer import LogWriter
from lineal.store.connection import Connection, Store

log = structlog.get_logger(__name__)

_TRIES = 3
"""A witness may know another checkpoint than was thought, and be asked by others meanwhile."""


class CosignatureCollector:
    """Asks the witnesses of a policy to cosign the newest checkpoint.

    Args:
        seconds: to wait for the answer of a witness.
    """

    def __init__(
        self, store: Store, writer: LogWriter, policy: Policy, seconds: float = 10.0
    ) -> None:
        self._store = store
        self._writer = writer
        self._policy = policy
        self._seconds = seconds
        self._sizes: dict[str, int] = {}
        """What each witness cosigned last, as far as is known."""
        self._done: bytes | None = None

    async def collect(self) -> bool | None:
        """Ask for what the newest checkpoint lacks; whether the policy is satisfied then. None if
        there is nothing to ask for.

        Raises:
            StoreUnavailable, OSError: the store, or the directory of checkpoints, cannot be used.
        """
        row = await self._store.read(read_log)
        if row is None or row.checkpoint is None or row.checkpoint in (self._done, row.witnessed):
            return None
        note = parse_note(row.checkpoint)
        signed = self._policy.cosigned_by(note)
        asked = {
            name: witness
            for name, witness in self._policy.witnesses.items()
            if witness.url is not None and name not in signed
        }
        answers = await asyncio.gather(
            *(self._ask(name, witness, note) for name, witness in asked.items())
        )
        cosigned = note.with_signatures([item for answer in answers for item in answer])
        missing = self._policy.missing_of(cosigned)
        await self._keep(row.checkpoint, cosigned, satisfied=missing is None)
        if missing is not None:
            log.warning("log.not_witnessed", missing=missing)
        else:
            self._done = str(cosigned).encode()
        return missing is None

    async def _keep(self, before: bytes, cosigned: Note, *, satisfied: bool) -> None:
        data = str(cosigned).encode()
        size = parse_checkpoint(cosigned.text).size

        def write(connection: Connection) -> bool:
            if satisfied:
                set_witnessed(connection, data)
            return replace_checkpoint(connection, before, data)

        is_newest = await self._store.write(write)
        if data != before and is_newest:
            await asyncio.to_thread(partial(self._writer.files.put, data, size, keep=satisfied))

    async def _ask(self, name: str, witness: KnownWitness, note: Note) -> list[NoteSignature]:
        """The cosignatures of a witness, verified; none if it does not give any."""
        try:
            return await self._asked(name, witness, note)
        except (LinealError, LookupError) as error:
            log.warning("log.witness_failed", witness=name, error=str(error))
            return []

    async def _asked(self, name: str, witness: KnownWitness, note: Note) -> list[NoteSignature]:
        size = parse_checkpoint(note.text).size
        assert witness.url is not None
        for _ in range(_TRIES):
            old = self._sizes.get(name, 0)
            if old > size:
                raise Unreachable(f"it has cosigned {old} records, and this log has {size}")
            proof = await self._store.read(
                lambda connection, old=old: consistency_proof(  # type: ignore[misc]
                    TiledTree(tile_source(connection)), old, size
                )
            )
            body = bytes(AddCheckpoint(old, tuple(proof), str(note).encode()))
            answer = await asyncio.to_thread(
                partial(request, witness.url, "add-checkpoint", body=body, seconds=self._seconds)
            )
            if answer.status == 409:
                self._sizes[name] = _size(answer.body)
                continue
            if answer.status != 200:
                said = " ".join(answer.body.decode(errors="replace").split())[:200]
                raise Unreachable(f"it answers {answer.status}: {said}")
            self._sizes[name] = size
            return _verified(answer.body, witness, note)
        raise Unreachable("others ask it for this log at the same time")


def _size(body: bytes) -> int:
    text = body.strip()
    if not text.isdigit() or len(text) > 19:
        raise Unreachable("it names no size")
    return int(text)


def _verified(body: bytes, witness: KnownWitness, note: Note) -> list[NoteSignature]:
    """The witness's own signatures in an answer.

    Raises:
        MalformedNote, WrongSignature: there are none, or they are wrong.
    """
    try:
        signatures = parse_signatures(body.decode())
    except UnicodeDecodeError as error:
        raise MalformedNote("its answer is not in UTF-8") from error
    own = [item for item in signatures if item.made_by(witness.key)]
    if not verified_keys(Note(note.text, tuple(own)), [witness.key]):
        raise WrongSignature("its answer is not signed with the key that the policy names")
    return own
