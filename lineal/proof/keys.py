"""The log's signing keys, in a file that only its owner can read.

It begins with a line for each verifier key that ever signed the log, oldest first, so that the
public half is there also where the private one is encrypted. The private key follows in PEM; while
keys are being rotated there are two, and checkpoints are signed with both.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lineal.proof.errors import UnusableKey
from lineal.proof.note import (
    ED25519,
    MalformedNote,
    Signer,
    VerifierKey,
    parse_verifier_key,
    valid_key_name,
)

_HEAD = "# Signs the log. Whoever has it can sign another ledger: keep a copy, and keep it secret."
_VERIFIER = "verifier "
_PEM = re.compile(rb"-----BEGIN [A-Z ]+-----\n.*?-----END [A-Z ]+-----\n", re.DOTALL)


class LogKeys(NamedTuple):
    """The keys of a log."""

    signers: tuple[Signer, ...]
    """What signs now: the newest, behind the one before while keys are being rotated."""
    verifiers: tuple[VerifierKey, ...]
    """Every key that ever signed, oldest first."""

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.verifiers[-1].name

    @property
    def text(self) -> str:
        """The verifier keys, a line each."""
        return "".join(f"{key}\n" for key in self.verifiers)


def default_origin() -> str:
    """A unique name for a new log: this machine's name and a random part."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()) or "localhost"
    return f"{host}/lineal/{secrets.token_hex(4)}"


def parse_verifier_keys(text: str) -> tuple[VerifierKey, ...]:
    """Read verifier keys, a line each.

    Raises:
        MalformedNote: one is none.
    """
    return tuple(map(parse_verifier_key, text.split("\n")[:-1]))


def make_keys(file: Path, origin: str, type: int = ED25519, password: str | None = None) -> LogKeys:
    """Make a new key, readable by its owner only; the one that is there if another process was
    faster.

    Raises:
        UnusableKey: it cannot be written, or its name is none.
    """
    if not valid_key_name(origin):
        raise UnusableKey(f"a log cannot be called {origin!r}: neither spaces nor plus signs")
    signer = Signer(origin, Ed25519PrivateKey.generate(), type)
    temporary = _written(file, LogKeys((signer,), (signer.verifier,)), password)
    try:
        os.link(temporary, file)
    except FileExistsError:
        pass
    except OSError as error:
        raise UnusableKey(f"the key {file} cannot be made: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return read_keys(file, password)


def replace_keys(file: Path, keys: LogKeys, password: str | None = None) -> None:
    """Write other keys in the place of those that are there.

    Raises:
        UnusableKey: they cannot be written.
    """
    try:
        _written(file, keys, password).replace(file)
    except OSError as error:
        raise UnusableKey(f"the key {file} cannot be written: {error.strerror}") from error


def new_signer(keys: LogKeys) -> LogKeys:
    """The keys with a new one behind them; both are to sign, until the new one may alone."""
    old = keys.signers[-1]
    signer = Signer(keys.origin, Ed25519PrivateKey.generate(), old.verifier.type)
    return LogKeys((old, signer), (*keys.verifiers, signer.verifier))


def read_verifier_keys(file: Path) -> tuple[VerifierKey, ...]:
    """The public half of a key file; it may be encrypted.

    Raises:
        FileNotFoundError: there is none.
        UnusableKey: it cannot be read.
    """
    return _verifiers(file, _content(file))


def read_keys(file: Path, password: str | None = None) -> LogKeys:
    """The keys in a file.

    Raises:
        FileNotFoundError: there is none.
        UnusableKey: others can read it, it is encrypted otherwise, or it holds no keys.
    """
    content = _content(file)
    verifiers = _verifiers(file, content)
    signers = []
    for pem in _PEM.findall(content):
        encrypted = pem.startswith(b"-----BEGIN ENCRYPTED")
        if encrypted and password is None:
            raise UnusableKey(f"the key {file} is encrypted: set LINEAL_LOG__KEY_PASSWORD")
        try:
            given = password.encode() if encrypted and password is not None else None
            key = serialization.load_pem_private_key(pem, given)
        except (ValueError, TypeError) as error:
            raise UnusableKey(f"the key {file} does not open with this password") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise UnusableKey(f"{file} holds a key that is none of Ed25519")
        signers.append(Signer(verifiers[0].name, key, verifiers[0].type))
    newest = [signer.verifier for signer in signers]
    if not signers or list(verifiers[-len(signers) :]) != newest:
        raise UnusableKey(f"the keys in {file} are not those that its first lines name")
    return LogKeys(tuple(signers), verifiers)


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_mode & 0o077:
            raise UnusableKey(f"others can read the key {file}: chmod 600 it")
        return file.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnusableKey(f"the key {file} cannot be read: {error.strerror}") from error


def _verifiers(file: Path, content: bytes) -> tuple[VerifierKey, ...]:
    lines = content.decode(errors="replace").splitlines()
    try:
        found = [
            parse_verifier_key(line.removeprefix(_VERIFIER))
            for line in lines
            if line.startswith(_VERIFIER)
        ]
    except MalformedNote as error:
        raise UnusableKey(f"{file}: {error}") from error
    if not found or len({(key.name, key.type) for key in found}) != 1:
        raise UnusableKey(f"{file} does not name its verifier keys")
    return tuple(found)


def _written(file: Path, keys: LogKeys, password: str | None) -> Path:
    """A temporary file with keys, beside its place."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password.encode())
    lines = [_HEAD, *(f"{_VERIFIER}{key}" for key in keys.verifiers)]
    content = "".join(f"{line}\n" for line in lines).encode() + _pem(keys.signers, encryption)
    temporary = file.with_name(f".{file.name}.{uuid4().hex[:8]}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise UnusableKey(f"the key {file} cannot be written: {error.strerror}") from error
    return temporary


def _pem(signers: Sequence[Signer], encryption: serialization.KeySerializationEncryption) -> bytes:
    return b"".join(
        signer.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        for signer in signers
    )
