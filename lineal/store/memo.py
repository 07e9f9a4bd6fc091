"""The memo's table: outputs of earlier steps by step id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson
import structlog

from lineal.store.connection import Connection
from lineal.store.rows import insert_rows
from lineal_schemas.payload import Payload, parse_payload, payload_bytes

log = structlog.get_logger(__name__)


_QUERY_SIZE = 500


class MemoOutput(NamedTuple):
    """An output payload as it was emitted."""

    type: str
    version: int
    data: bytes
    key: str | None
    """The payload's partition key."""
    correlation_id: str | None
    """The payload's correlation key."""


class EnvelopeNames(NamedTuple):
    """Kept in place of outputs that depend on the envelope too: the attributes that were read. The
    outputs are kept under a key that includes the attributes' values."""

    names: tuple[str, ...]


def memo_output(payload: Payload) -> MemoOutput:
    """What is emitted for a payload."""
    return MemoOutput(
        payload.type,
        payload.version,
        payload_bytes(payload),
        payload.partition_key(),
        payload.correlation_key(),
    )


def pack(outputs: Sequence[MemoOutput]) -> bytes:
    """Outputs as the memo table keeps them: a line of JSON with the envelope of each, then their
    data one after the other."""
    head = orjson.dumps(
        [
            (type, version, len(data), key, correlation_id)
            for type, version, data, key, correlation_id in outputs
        ]
    )
    return b"\n".join((head, b"".join([output.data for output in outputs])))


def pack_names(names: Sequence[str]) -> bytes:
    """Attributes of the envelope as the memo table keeps them."""
    return orjson.dumps({"envelope": list(names)})


def unpack(packed: bytes) -> list[MemoOutput] | EnvelopeNames:
    """Outputs, or the attributes that they depend on, from what the memo table keeps."""
    newline = packed.find(b"\n")
    if newline < 0 and packed.startswith(b"{"):
        return EnvelopeNames(tuple(orjson.loads(packed)["envelope"]))
    if newline < 0:  # as it was kept at first: JSON throughout, without what the payload says
        return [
            memo_output(parse_payload(type, version, orjson.dumps(fields)))
            for type, version, fields in orjson.loads(packed)
        ]
    outputs = []
    begin = newline + 1
    for type, version, length, key, correlation_id in orjson.loads(packed[:newline]):
        end = begin + length
        outputs.append(MemoOutput(type, version, packed[begin:end], key, correlation_id))
        begin = end
    return outputs


def recall(
    connection: Connection, steps: Sequence[bytes]
) -> dict[bytes, list[MemoOutput] | EnvelopeNames]:
    """What is kept of those of the steps that were done before."""
    found: dict[bytes, list[MemoOutput] | EnvelopeNames] = {}
    for begin in range(0, len(steps), _QUERY_SIZE):
        asked = steps[begin : begin + _QUERY_SIZE]
        rows = connection.execute(
            f"SELECT step, outputs FROM memo WHERE step IN ({', '.join('?' * len(asked))})", asked
        )
        for step, outputs in rows:
            found[step] = unpack(outputs)
    return found


def put_memos(connection: Connection, memos: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """Remember steps with their packed outputs; returns those that are known with other outputs
    (:func:`warn_nondeterministic`)."""
    if not memos:
        return []
    inserted = insert_rows(
        connection, "INSERT INTO memo (step, outputs)", memos, "ON CONFLICT (step) DO NOTHING"
    )
    if inserted == len(memos):
        return []
    changed = []
    for step, made in memos:
        (outputs,) = connection.execute(
            "SELECT outputs FROM memo WHERE step = ?", (step,)
        ).fetchone()
        if outputs != made and unpack(outputs) != unpack(made):
            changed.append(step)
    return changed


def warn_nondeterministic(steps: Sequence[bytes]) -> None:
    """Raise the alarm about steps that made something else this time: their stage is not
    deterministic, or something it reads is not recorded."""
    for step in steps:
        log.error("stage.not_deterministic", step=step.hex())
