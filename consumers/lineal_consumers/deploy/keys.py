"""The private key that signs packages, in a file that only its owner can read."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal.errors import LinealError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )


class UnusableKey(LinealError):
    """The key file cannot be used, and why."""


class PublicKey(NamedTuple):
    """The public key in the form of the devices' settings."""

    key_id: str
    key: str
    """Base64 of its 32 bytes."""


def make_key(file: Path, passphrase_file: Path | None = None) -> PublicKey:
    """Make a new private key, readable by its owner only.

    Args:
        passphrase_file: the key is encrypted with what it holds (PKCS 8, with a key derived from
            it). To be kept apart from the key: a secret of the service manager, a mounted one.

    Raises:
        FileExistsError: there is one already; a key is never overwritten.
        OSError: it cannot be written.
        UnusableKey: cryptography is not installed, or there is no passphrase in the file.
    """
    passphrase = _passphrase(passphrase_file)
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as error:
        raise UnusableKey("keys are made with `lineal[models]` installed") from error

    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()
        if passphrase is None
        else serialization.BestAvailableEncryption(passphrase),
    )
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    return public_key(key)


def read_key(file: Path, passphrase_file: Path | None = None) -> Ed25519PrivateKey:
    """The private key in a file.

    Raises:
        UnusableKey: it is missing, others can read it or its passphrase, the passphrase is another,
            or it is no Ed25519 key.
    """
    passphrase = _passphrase(passphrase_file)
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        if file.stat().st_mode & 0o077:
            raise UnusableKey(f"others can read the key {file.name}: chmod 600 it")
        content = file.read_bytes()
        encrypted = b"ENCRYPTED" in content
        if encrypted and passphrase is None:
            raise UnusableKey(f"the key {file.name} is encrypted: name its passphrase_file")
        key = serialization.load_pem_private_key(content, passphrase if encrypted else None)
    except OSError as error:
        raise UnusableKey(f"the key {file.name} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise UnusableKey(
            f"{file.name} is no private key in PEM, or its passphrase is another"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UnusableKey(f"the key {file.name} is not an Ed25519 key")
    return key


def _passphrase(file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        if file.stat().st_mode & 0o077:
            raise UnusableKey(f"others can read the passphrase {file.name}: chmod 600 it")
        found = file.read_bytes().strip()
    except OSError as error:
        raise UnusableKey(f"the passphrase {file.name} cannot be read: {error.strerror}") from error
    if not found:
        raise UnusableKey(f"there is no passphrase in {file.name}")
    return found


def public_key(key: Ed25519PrivateKey | Ed25519PublicKey) -> PublicKey:
    """The public half; its id is derived from it, so that two keys never share one."""
    public = key.public_key() if hasattr(key, "public_key") else key
    raw = public.public_bytes_raw()
    return PublicKey(hashlib.sha256(raw).hexdigest()[:16], base64.b64encode(raw).decode())
