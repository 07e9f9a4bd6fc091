"""The register of the certificates that an authority has issued and revoked.

A file of JSON lines beside the authority's key, ``register.jsonl``: one line for each certificate
and one for each revocation, never changed.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lineal.errors import LinealError

FILE = "register.jsonl"
WARN_DAYS = 30
"""A certificate that expires within is to be renewed."""


class UnknownCertificate(LinealError, LookupError):
    """The authority's register has no such certificate."""


class Issued(NamedTuple):
    """A certificate that was issued."""

    serial: int
    name: str
    """Its common name: the device's id."""
    expires: datetime.datetime
    revoked: datetime.datetime | None = None

    @property
    def serial_hex(self) -> str:
        """As ``openssl x509 -serial`` prints it."""
        return f"{self.serial:X}"

    def state(self, now: datetime.datetime) -> str:
        """``revoked``, ``expired``, ``expires soon`` or ``valid``."""
        if self.revoked is not None:
            return "revoked"
        if self.expires <= now:
            return "expired"
        soon = self.expires - now < datetime.timedelta(days=WARN_DAYS)
        return "expires soon" if soon else "valid"


class CertificateRegister:
    """The register in an authority's folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def add(self, issued: Issued) -> None:
        """Register a certificate before it is handed out; durable on return."""
        self._append(
            {
                "serial": issued.serial_hex,
                "name": issued.name,
                "expires": issued.expires.isoformat(),
            }
        )

    def revoke(self, wanted: str, now: datetime.datetime) -> list[Issued]:
        """Revoke the certificates of a device, or the one of a serial number; those that were not
        revoked before.

        Raises:
            UnknownCertificate: there is none of this name or number.
        """
        found = [item for item in self.issued() if wanted in (item.name, item.serial_hex)]
        if not found:
            raise UnknownCertificate(
                f"no certificate of {wanted!r} is in {self._file}: it lists what was given since "
                "there is a register"
            )
        revoked = [item for item in found if item.revoked is None]
        for item in revoked:
            self._append({"serial": item.serial_hex, "revoked": now.isoformat()})
        return [item._replace(revoked=now) for item in revoked]

    def without_valid(self) -> list[str]:
        """Names whose certificates are all revoked."""
        issued = self.issued()
        valid = {item.name for item in issued if item.revoked is None}
        return sorted({item.name for item in issued} - valid)

    def issued(self) -> list[Issued]:
        """All issued certificates, the newest last."""
        found: dict[str, Issued] = {}
        for line in self._lines():
            serial = line["serial"]
            if "revoked" not in line:
                expires = datetime.datetime.fromisoformat(line["expires"])
                found[serial] = Issued(int(serial, 16), line["name"], expires)
            elif serial in found:
                at = datetime.datetime.fromisoformat(line["revoked"])
                found[serial] = found[serial]._replace(revoked=at)
        return list(found.values())

    def _lines(self) -> Iterator[dict[str, str]]:
        try:
            text = self._file.read_text()
        except FileNotFoundError:
            return
        for line in text.splitlines():
            yield json.loads(line)

    def _append(self, line: dict[str, str]) -> None:
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
