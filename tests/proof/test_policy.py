"""Who must have signed, as tlog-policy says."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from lineal.proof.note import COSIGNATURE, Note, Signer, WrongSignature
from lineal.proof.policy import MalformedPolicy, Policy, parse_policy

NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")


def key_of(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number] * 32))


SIGNERS = {name: Signer(f"{name}.example", key_of(n), COSIGNATURE) for n, name in enumerate(NAMES)}
LOG = Signer("log.example", key_of(9))
WITNESSES = "".join(f"witness {name} {SIGNERS[name].verifier}\n" for name in NAMES)
EXAMPLE = f"""
# the specification's example
log {LOG.verifier} https://log.example/
{WITNESSES}
group\tX-witnesses 2 X1 X2 X3
  group Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def note(*names: str) -> Note:
    return Note("text\n", tuple(SIGNERS[name].sign("text\n", 5) for name in names))


@given(st.sets(st.sampled_from(NAMES)))
def test_the_quorum_of_the_specifications_example(signed: set[str]) -> None:
    policy = parse_policy(EXAMPLE.encode())
    assert policy.logs[0].key == LOG.verifier
    assert policy.logs[0].url == "https://log.example/"
    enough = len(signed & {"X1", "X2", "X3"}) >= 2 and bool(signed & {"Y1", "Y2", "Y3"})
    assert policy.satisfied_by(note(*signed)) == enough
    assert policy.cosigned_by(note(*signed)) == signed


def threshold_policy(threshold: int, count: int) -> Policy:
    group = f"group G {threshold} {' '.join(NAMES[:count])}\nquorum G\n"
    return parse_policy((WITNESSES + group).encode())


@given(st.integers(1, 6), st.data())
def test_as_many_as_the_threshold_says(count: int, data: st.DataObject) -> None:
    threshold = data.draw(st.integers(1, count))
    signed = data.draw(st.sets(st.sampled_from(NAMES)))
    policy = threshold_policy(threshold, count)
    assert policy.satisfied_by(note(*signed)) == (len(signed & set(NAMES[:count])) >= threshold)


def test_no_quorum_and_one_witness() -> None:
    assert parse_policy(b"quorum none").satisfied_by(note())
    one = parse_policy(f"{WITNESSES}quorum X2\n".encode())
    assert not one.satisfied_by(note("X1"))
    assert one.missing_of(note("X1")) == "the quorum 'X2' has not signed it, only X1"
    assert one.satisfied_by(note("X2"))


def test_a_wrong_cosignature_is_never_counted() -> None:
    forged = note("X1").signatures[0]._replace(signature=bytes(72))
    with pytest.raises(WrongSignature):
        parse_policy(f"{WITNESSES}quorum X1\n".encode()).satisfied_by(Note("text\n", (forged,)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no quorum"),
        ("quorum X1\n", "line 1: 'X1' is not defined"),
        (f"{WITNESSES}quorum X1\nquorum X2\n", "second quorum"),
        (f"{WITNESSES}group G 2 X1\nquorum G\n", "of 1 members"),
        (f"{WITNESSES}group G 0 X1\nquorum G\n", "of 1 members"),
        (f"{WITNESSES}group G any\nquorum G\n", "neither"),
        (f"{WITNESSES}group G any X1 X1\nquorum G\n", "two places"),
        (f"{WITNESSES}group G any X1\ngroup H any X1\nquorum H\n", "two places"),
        (f"{WITNESSES}group G any G\nquorum G\n", "not defined above"),
        (f"{WITNESSES}group X1 any X2\nquorum X1\n", "defined already"),
        (f"{WITNESSES}group none any X2\nquorum none\n", "defined already"),
        (f"{WITNESSES}witness Z {SIGNERS['X1'].verifier}\nquorum Z\n", "the same witness"),
        (f"witness A {LOG.verifier}\nquorum A\n", "another type"),
        (f"log {SIGNERS['X1'].verifier}\nquorum none\n", "another type"),
        (f"log {LOG.verifier}\nlog {LOG.verifier}\nquorum none\n", "the same log"),
        ("quorum none\nwhatever\n", "line 2: neither"),
        ("quorum none\r\n", "control characters"),
        ("witness A b\nquorum A\n", "no verifier key"),
    ],
)
def test_what_is_no_policy(text: str, why: str) -> None:
    with pytest.raises(MalformedPolicy, match=why):
        parse_policy(text.encode())
