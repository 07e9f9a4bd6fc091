"""Reports revoked devices to mosquitto, by its lists of revoked certificates and of access, and
that it has to read these again.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from lineal_producers.mqtt.access import PID_FILE, access_list, shares_in
from lineal_producers.mqtt.authority import Authority, write_file


def write_revocations(folder: Path, authority: Authority) -> list[Path]:
    """Write ``revoked.pem`` and ``access.acl`` for mosquitto; the files that were written.

    The list of certificates keeps a device from connecting. One that is connected would stay so:
    the access list denies it everything from now on, if no certificate of it is valid any more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    revocations, access = folder / "revoked.pem", folder / "access.acl"
    write_file(revocations, authority.revocations(), mode=0o644)
    written = [revocations]
    if access.is_file():
        before = access.stat()
        denied = authority.register.without_valid()
        shares = shares_in(access.read_text())
        write_file(access, access_list(denied, shares).encode(), mode=0o600)
        if os.geteuid() == 0:
            os.chown(access, before.st_uid, before.st_gid)
        written.append(access)
    return written


def reload_broker(pid_file: Path) -> bool:
    """Have a running mosquitto read its lists again; whether there is one that can be told."""
    try:
        process = int(pid_file.read_text())
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False
    if b"mosquitto" not in command.split(b"\0")[0]:
        return False  # a number that another program has by now
    try:
        os.kill(process, signal.SIGHUP)
    except OSError:
        return False
    return True


def pid_file_of(folder: Path) -> Path:
    """Where a mosquitto with the settings of ``lineal device broker`` writes its number."""
    return folder / "data" / PID_FILE
