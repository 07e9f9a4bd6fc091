"""Salts: random text among the data of an event that carries names.

The ledger keeps the digest of an event's data for ever. Names can be guessed, and a guess compared
with a digest; with a salt among the data the digest says nothing to who has not the salt, which is
erased with the event.
"""

from __future__ import annotations

from hashlib import sha256
from secrets import token_hex

_BYTES = 16


def new_salt() -> str:
    """A random salt of 128 bits, as hex."""
    return token_hex(_BYTES)


def derived_salt(salt: str | None, name: str) -> str | None:
    """The salt of something that is made of what has a salt: the same each time it is made. None
    for what is made of something without."""
    if salt is None:
        return None
    return sha256(f"salt\n{salt}\n{name}".encode()).hexdigest()[: 2 * _BYTES]
