"""The secret key, and what is derived from it: offsets of dates, and pseudonyms.

Both are HMAC-SHA256 (RFC 2104) of what they stand for, so nothing has to be kept: the same key
gives a patient the same offset in every file, and who does not have it cannot try out names.
"""

from __future__ import annotations

import hmac
import os
import secrets
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

from lineal.errors import LinealError

_BYTES = 32


class UnusableSecret(LinealError):
    """The key file cannot be used, and why."""


def read_secret(file: Path) -> bytes:
    """The secret in a file, which is made if it is not there, readable by its owner only.

    Raises:
        UnusableSecret: others can read it, or it holds less than 32 bytes.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        if not file.exists():
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as made:
                made.write(secrets.token_hex(_BYTES).encode())
                made.flush()
                os.fsync(made.fileno())
            try:
                os.link(temporary, file)  # whoever is first has made it, whole
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
        if file.stat().st_mode & 0o077:
            raise UnusableSecret(f"others can read the key {file.name}: chmod 600 it")
        found = file.read_bytes().strip()
    except OSError as error:
        raise UnusableSecret(f"the key {file.name} cannot be read: {error.strerror}") from error
    if len(found) < _BYTES:
        raise UnusableSecret(f"the key {file.name} is too short: it has at least {_BYTES} bytes")
    return found


class Pseudonyms:
    """What stands for names, numbers and dates.

    Args:
        secret: of :func:`read_secret`.
        max_shift_days: how far dates are shifted at most.
    """

    def __init__(self, secret: bytes, max_shift_days: int) -> None:
        self._secret = secret
        self._max_shift_days = max_shift_days

    @property
    def key_id(self) -> str:
        """Tells keys apart, and tells nothing else of them."""
        return self._digest("key", "")[:16]

    def of(self, kind: str, text: str) -> str:
        """Stands for a text: ``NAME-4f1a09c2b7``. Case and spaces do not count."""
        return f"{kind}-{self._digest(kind, ' '.join(text.casefold().split()))[:10]}"

    def identifier(self, text: str) -> str:
        """Stands for a technical id: 32 hexadecimal digits."""
        return self._digest("id", text)[:32]

    def offset(self, patient: str) -> timedelta:
        """By how many days the dates of a patient are shifted: never 0."""
        number = int(self._digest("offset", patient)[:12], 16) % (2 * self._max_shift_days)
        return timedelta(
            days=number - self._max_shift_days if number < self._max_shift_days
            else number - self._max_shift_days + 1
        )  # fmt: skip

    def _digest(self, kind: str, text: str) -> str:
        return hmac.new(self._secret, f"{kind}\0{text}".encode(), sha256).hexdigest()


def shifted(day: date, by: timedelta) -> date:
    """A date moved by an offset, within the calendar."""
    try:
        return day + by
    except OverflowError:
        return day
