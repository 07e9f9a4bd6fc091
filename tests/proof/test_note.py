"""Signed notes, checkpoints and proofs, with the specifications' own examples."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from lineal.proof.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from lineal.proof.inclusion import InclusionProof, parse_inclusion_proof
from lineal.proof.merkle import WrongProof, leaf_hash
from lineal.proof.note import (
    COSIGNATURE,
    MalformedNote,
    Note,
    Signer,
    WrongSignature,
    cosigned_at,
    parse_note,
    parse_verifier_key,
    valid_key_name,
    verified_keys,
)

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYj"
    "OBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
LOG = Signer("log.example", KEY)
WITNESS = Signer("witness.example", OTHER, COSIGNATURE)


def test_the_example_of_the_specification() -> None:
    key = parse_verifier_key(VKEY)
    assert str(key) == VKEY
    note = parse_note(NOTE)
    assert verified_keys(note, [key]) == [key]
    assert str(note).encode() == NOTE


def test_a_changed_text_or_signature_is_refused() -> None:
    key = parse_verifier_key(VKEY)
    for changed in (NOTE.replace(b"an", b"no"), NOTE.replace(b"yaQM=", b"yaQI=")):
        with pytest.raises(WrongSignature):
            verified_keys(parse_note(changed), [key])


def test_unknown_signatures_are_left_alone() -> None:
    note = parse_note(NOTE)
    assert verified_keys(note, [LOG.verifier]) == []
    both = note.with_signatures([LOG.sign(note.text)])
    assert verified_keys(both, [LOG.verifier]) == [LOG.verifier]
    assert len(both.with_signatures([LOG.sign(note.text)]).signatures) == 2


@pytest.mark.parametrize(
    "changed",
    [
        NOTE[:-1],
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.replace(b" U", b"  U"),
        NOTE.replace("—".encode(), b"-"),
        NOTE + b"\n",
        NOTE.replace(b"This", b"Th\tis"),
        NOTE.replace(b"This", b"\xff"),
        NOTE.replace(b"QM=", b"QM"),
        NOTE.replace(b"example.com/foo", b"example+foo"),
        b"text\n\n",
        b"",
        b"x" * 1_000_001,
    ],
)
def test_what_is_no_note(changed: bytes) -> None:
    with pytest.raises(MalformedNote):
        parse_note(changed)


@pytest.mark.parametrize(
    "text",
    ["", "a", "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", VKEY[:-4],
     VKEY.replace("530d", "530e"), VKEY.replace("+Ae", "+Be"), VKEY + "="],
)  # fmt: skip
def test_what_is_no_verifier_key(text: str) -> None:
    with pytest.raises(MalformedNote):
        parse_verifier_key(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.binary(max_size=400))
def test_what_is_signed_is_read_again(text: str, noise: bytes) -> None:
    body = "".join(c for c in text if ord(c) >= 0x20 or c == "\n") + "\n"
    note = Note(body, (LOG.sign(body), WITNESS.sign(body, 7)))
    again = parse_note(str(note).encode())
    assert again == note
    assert verified_keys(again, [LOG.verifier, WITNESS.verifier]) == [
        LOG.verifier,
        WITNESS.verifier,
    ]
    assert cosigned_at(again.signatures[1]) == 7
    with contextlib.suppress(MalformedNote):
        assert verified_keys(parse_note(noise), [LOG.verifier]) == []


def test_a_cosignature_holds_for_its_time_only() -> None:
    signed = WITNESS.sign("x\n", 7)
    moved = signed._replace(signature=(8).to_bytes(8, "big") + signed.signature[8:])
    for wrong in (moved, signed._replace(signature=signed.signature[8:])):
        with pytest.raises(WrongSignature):
            verified_keys(Note("x\n", (wrong,)), [WITNESS.verifier])


def test_names_of_keys() -> None:
    assert valid_key_name("example.com/lög")
    for name in ("", "a b", "a+b", "a\u2003b", "a\nb"):
        assert not valid_key_name(name)
        with pytest.raises(MalformedNote):
            Signer(name, KEY)


CHECKPOINT = Checkpoint("log.example", 2, bytes(range(32)))


def test_a_checkpoint_is_opened_with_its_logs_key_only() -> None:
    data = str(sign_checkpoint(CHECKPOINT, [LOG])).encode()
    opened = open_checkpoint(data, [LOG.verifier, WITNESS.verifier])
    assert opened.checkpoint == CHECKPOINT
    assert opened.signed_by == (LOG.verifier,)
    other = Signer("other.example", KEY)
    foreign = str(sign_checkpoint(CHECKPOINT, [other])).encode()
    for keys in ([WITNESS.verifier], []):
        with pytest.raises(WrongSignature):
            open_checkpoint(data, keys)
    with pytest.raises(WrongSignature):  # another log's key says nothing about this one
        open_checkpoint(foreign, [other.verifier])


@pytest.mark.parametrize(
    "text",
    ["log\n2\n", "log\n02\nAAAA\n", "log\n2\nAAAA\n", "\n2\nAAAA\n", "log\n-2\nx\n", "log\n2\nx",
     "log\n99999999999999999999\n" + "A" * 43 + "=\n", "log\n2\n" + "A" * 42 + "B=\n",
     "log\n٢\n" + "A" * 43 + "=\n"],
)  # fmt: skip
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(MalformedNote):
        parse_checkpoint(text)


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_again(size: int, root: bytes) -> None:
    checkpoint = Checkpoint("log.example/a", size, root)
    assert parse_checkpoint(checkpoint.text) == checkpoint


def proof_of(**changes: Any) -> InclusionProof:
    checkpoint = Checkpoint("log.example", 1, leaf_hash(b"entry"))
    note = str(sign_checkpoint(checkpoint, [LOG])).encode()
    return InclusionProof(0, (), note)._replace(**changes)


def test_a_proof_of_inclusion_is_read_again_and_verified() -> None:
    for proof in (proof_of(), proof_of(extra=b"salt")):
        again = parse_inclusion_proof(bytes(proof))
        assert again == proof
        again.verify(leaf_hash(b"entry"), [LOG.verifier])
        with pytest.raises(WrongProof):
            again.verify(leaf_hash(b"other"), [LOG.verifier])
        with pytest.raises(WrongSignature):
            again.verify(leaf_hash(b"entry"), [WITNESS.verifier])


@pytest.mark.parametrize(
    "data",
    [b"", b"c2sp.org/tlog-proof@v2\nindex 0\n\nx", b"c2sp.org/tlog-proof@v1\n\nx",
     b"c2sp.org/tlog-proof@v1\nindex 00\n\nx", b"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nx",
     b"c2sp.org/tlog-proof@v1\nindex 0\n\xff\n\nx",
     b"c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\nx"],
)  # fmt: skip
def test_what_is_no_proof(data: bytes) -> None:
    with pytest.raises(MalformedNote):
        parse_inclusion_proof(data)
