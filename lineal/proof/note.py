"""Signed notes (c2sp.org/signed-note), and the keys that sign and verify them.

Two types of signatures: Ed25519 over the text, as logs sign, and the timestamped cosignatures of
witnesses (c2sp.org/tlog-cosignature, v1).
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lineal.errors import LinealError

ED25519 = 0x01
COSIGNATURE = 0x04
_KEY_BYTES, _ID_BYTES, _TIME_BYTES, _SIGNATURE_BYTES = 32, 4, 8, 64
_MAX_NOTE_BYTES = 1_000_000
_MAX_SIGNATURES = 100
_DASH = "\N{EM DASH} "
_VKEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


class MalformedNote(LinealError, ValueError):
    """Bytes are no signed note, or a text is no verifier key."""


class WrongSignature(LinealError, ValueError):
    """A note has a wrong signature, or none by a known key."""


def valid_key_name(name: str) -> bool:
    """Whether a key may be called so: neither spaces nor plus signs."""
    return bool(name) and "+" not in name and not any(map(_space_or_control, name))


def _space_or_control(character: str) -> bool:
    return character.isspace() or ord(character) < 0x20


class VerifierKey(NamedTuple):
    """A named public key, which verifiers have to know."""

    name: str
    type: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Its key id, which signatures carry beside its name."""
        named = self.name.encode() + b"\n" + bytes((self.type,)) + self.public
        return sha256(named).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        encoded = b64encode(bytes((self.type,)) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


def parse_verifier_key(text: str) -> VerifierKey:
    """Read ``name+id+key``.

    Raises:
        MalformedNote: it is none, or of a type that is not known here.
    """
    found = _VKEY.fullmatch(text.strip())
    if found is None or not valid_key_name(found[1]):
        raise MalformedNote(f"{text.strip()[:80]!r} is no verifier key: NAME+ID+KEY")
    try:
        material = b64decode(found[3], validate=True)
    except ValueError as error:
        raise MalformedNote(f"the verifier key of {found[1]!r} is no base64") from error
    if len(material) != 1 + _KEY_BYTES or material[0] not in (ED25519, COSIGNATURE):
        raise MalformedNote(f"the verifier key of {found[1]!r} is none of Ed25519")
    key = VerifierKey(found[1], material[0], material[1:])
    if key.id.hex() != found[2] or str(key) != text.strip():
        raise MalformedNote(f"the verifier key of {found[1]!r} is not the one that its id names")
    return key


class NoteSignature(NamedTuple):
    """A line below a note's text."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.signature).decode()}"

    def made_by(self, key: VerifierKey) -> bool:
        """Whether it names this key; it is not verified."""
        return self.name == key.name and self.key_id == key.id


class Note(NamedTuple):
    """A text with its signatures."""

    text: str
    """Ends in a newline."""
    signatures: tuple[NoteSignature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(f"{item}\n" for item in self.signatures)

    def with_signatures(self, more: Iterable[NoteSignature]) -> Note:
        """With those of keys that have not signed it yet, and the newer ones of those that have."""
        signed = {(item.name, item.key_id): item for item in (*self.signatures, *more)}
        return Note(self.text, tuple(signed.values()))


def parse_note(data: bytes) -> Note:
    """Read a signed note; its signatures are not looked at.

    Raises:
        MalformedNote: it is none.
    """
    if len(data) > _MAX_NOTE_BYTES:
        raise MalformedNote(f"a note of {len(data)} bytes")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedNote("a note is not in UTF-8") from error
    if any(ord(character) < 0x20 and character != "\n" for character in whole):
        raise MalformedNote("a note holds control characters")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise MalformedNote("a note without signatures")
    return Note(f"{text}\n", parse_signatures(lines))


def parse_signatures(lines: str) -> tuple[NoteSignature, ...]:
    """Read the lines below a note's text, each with its newline.

    Raises:
        MalformedNote: they are none.
    """
    split = lines.split("\n")
    if split.pop() or not split or len(split) > _MAX_SIGNATURES:
        raise MalformedNote("a note's signatures are cut off, or too many")
    return tuple(map(_parse_signature, split))


def _parse_signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not valid_key_name(name):
        raise MalformedNote("a line of a note's signatures is none")
    try:
        signed = b64decode(encoded, validate=True)
    except ValueError as error:
        raise MalformedNote("a signature of a note is no base64") from error
    if len(signed) <= _ID_BYTES:
        raise MalformedNote("a signature of a note is too short")
    return NoteSignature(name, signed[:_ID_BYTES], signed[_ID_BYTES:])


class Signer:
    """A private key with its name.

    Args:
        type: :data:`ED25519`, or :data:`COSIGNATURE` for a witness.
    """

    def __init__(self, name: str, key: Ed25519PrivateKey, type: int = ED25519) -> None:
        if not valid_key_name(name):
            raise MalformedNote(f"a key cannot be called {name!r}: no spaces, no plus signs")
        self.private_key = key
        self.verifier = VerifierKey(name, type, key.public_key().public_bytes_raw())

    def sign(self, text: str, time: int = 0) -> NoteSignature:
        """Sign a note's text.

        Args:
            time: of a cosignature, in seconds since the Unix epoch.
        """
        key = self.verifier
        if key.type == ED25519:
            return NoteSignature(key.name, key.id, self.private_key.sign(text.encode()))
        signed = self.private_key.sign(_cosigned(text, time))
        return NoteSignature(key.name, key.id, time.to_bytes(_TIME_BYTES, "big") + signed)


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def cosigned_at(signature: NoteSignature) -> int:
    """The time of a cosignature that has been verified: seconds since the Unix epoch."""
    return int.from_bytes(signature.signature[:_TIME_BYTES], "big")


def verified_keys(note: Note, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Those of the given keys that have signed a note.

    Raises:
        WrongSignature: a signature that names one of them is not its.
    """
    found = []
    for key in keys:
        for item in note.signatures:
            if item.made_by(key):
                _verify(note.text, item, key)
                if key not in found:
                    found.append(key)
    return found


def _verify(text: str, item: NoteSignature, key: VerifierKey) -> None:
    signed, signature = text.encode(), item.signature
    if key.type == COSIGNATURE:
        if len(signature) != _TIME_BYTES + _SIGNATURE_BYTES:
            raise WrongSignature(f"the cosignature of {key.name} has {len(signature)} bytes")
        signed = _cosigned(text, cosigned_at(item))
        signature = signature[_TIME_BYTES:]
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, signed)
    except InvalidSignature as error:
        raise WrongSignature(f"the signature of {key.name} is wrong") from error
