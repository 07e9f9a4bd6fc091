"""Secrets of 256 bits that are shown once and kept as a digest only.

A digest without salt or stretching is enough for these: nobody guesses a random number of 256 bits.
Passwords are another matter (:mod:`lineal.access.passwords`).
"""

from __future__ import annotations

import hashlib
import secrets

from lineal.errors import WrongConfiguration

_BYTES = 32
MIN_CHARACTERS = 22
"""Of a secret that somebody else made: 128 bits in base64."""


def new_secret(prefix: str = "") -> str:
    """A new secret, of characters that need no quoting anywhere."""
    return prefix + secrets.token_urlsafe(_BYTES)


def secret_digest(secret: str) -> bytes:
    """The digest of a secret, which is what is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def check_secret(secret: str, name: str) -> None:
    """Check that a secret of the settings cannot be guessed.

    Raises:
        WrongConfiguration: it is too short.
    """
    if len(secret) < MIN_CHARACTERS:
        raise WrongConfiguration(
            f"{name} is shorter than {MIN_CHARACTERS} characters, which can be guessed: take one "
            "from `openssl rand -hex 32`"
        )
