"""Signed envelopes for third parties: DSSE v1.0 (github.com/secure-systems-lab/dsse).

The keys of the log sign them. No checkpoint can be taken from an envelope: what is signed begins
with ``DSSEv1`` and a space, and a checkpoint with the log's name, which has no spaces.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from lineal.proof.note import Signer

IN_TOTO = "application/vnd.in-toto+json"
"""The type of a payload that is an in-toto statement."""


def signed_envelope(payload: bytes, payload_type: str, signers: Sequence[Signer]) -> dict[str, Any]:
    """An envelope, as JSON has it; a key's id is its name and the id that notes give it."""
    signed = authenticated_bytes(payload, payload_type)
    return {
        "payload": b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [
            {
                "keyid": f"{signer.verifier.name}+{signer.verifier.id.hex()}",
                "sig": b64encode(signer.private_key.sign(signed)).decode(),
            }
            for signer in signers
        ],
    }


def authenticated_bytes(payload: bytes, payload_type: str) -> bytes:
    """The bytes that are signed: DSSE's pre-authentication encoding (PAE)."""
    named = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(named), named, len(payload), payload)
