"""Passwords, kept as Argon2id hashes (RFC 9106)."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING

from lineal.errors import LinealError, UnsupportedSetting

if TYPE_CHECKING:
    from pwdlib import PasswordHash

MIN_CHARACTERS = 12
MAX_CHARACTERS = 1024
_MAX_CONCURRENT = 2
"""Of checks: each takes 64 MB and a core for a moment."""


class WeakPassword(LinealError, ValueError):
    """A password that is too short to protect anything, or longer than is accepted."""


def hash_password(password: str) -> str:
    """The hash of a password, which is what is stored.

    Raises:
        WeakPassword: it is too short or too long.
    """
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise WeakPassword(
            f"a password has {MIN_CHARACTERS} to {MAX_CHARACTERS} characters; several words will do"
        )
    return _hasher().hash(password)


class PasswordCheck:
    """Compares passwords with their hashes, few at a time."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)

    async def matches(self, password: str, kept: str | None) -> bool:
        """Whether this is the password. Takes as long where none is kept, so that nobody learns
        which users there are."""
        if len(password) > MAX_CHARACTERS:
            return False
        async with self._slots:
            return await asyncio.to_thread(_matches, password, kept)


def _matches(password: str, kept: str | None) -> bool:
    return _hasher().verify(password, _unknown() if kept is None else kept) and kept is not None


@cache
def _unknown() -> str:
    return _hasher().hash("of nobody, so that a check takes its time")


@cache
def _hasher() -> PasswordHash:
    try:
        from pwdlib import PasswordHash
    except ImportError as error:
        raise UnsupportedSetting(
            "passwords need `pip install 'lineal[passwords]'`; tokens do without"
        ) from error
    from pwdlib.hashers.argon2 import Argon2Hasher

    return PasswordHash((Argon2Hasher(),))
