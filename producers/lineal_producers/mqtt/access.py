"""Writes mosquitto's configuration: a listener with client certificates, and its access list."""

from __future__ import annotations

import json
import os
import pwd
import shutil
from collections.abc import Iterable
from pathlib import Path

from lineal_schemas.mqtt_topics import DOWN, ROOT, UP

BRIDGE = "bridge"
"""The user who may do everything: the common name of the bridge's certificate."""

_USER = "mosquitto"
_STATUS = "status"

PID_FILE = "mosquitto.pid"
"""In the folder that mosquitto writes to: how it is told to read its lists again."""

_ACCESS = """\
# Who may say and hear what. %u is the user: the common name of the client's certificate, which is
# the device's id. So a device publishes as itself, and hears what is meant for it, and no more.
"""

_LISTENER = """\
# mosquitto 2, for devices with client certificates.
per_listener_settings true
persistence true
persistence_location {persistence}
pid_file {persistence}{pid_file}
autosave_interval 30
log_dest stderr

# The default of 1,000 drops a burst without a word: what is lost here the devices send again, which
# costs more than the memory. Bytes bound it instead.
max_queued_messages 0
max_queued_bytes 268435456
# Messages on their way to one client: the bridge says how many it takes (Receive Maximum).
max_inflight_messages 0
# A larger packet ends its connection. Clients of MQTT 5 are told, and divide what they have.
max_packet_size 8389632
# A bridge or device that does not come back for two weeks begins anew.
persistent_client_expiration 14d

listener {port}
cafile {folder}/ca.crt
certfile {folder}/broker.crt
keyfile {folder}/broker.key
crlfile {folder}/revoked.pem
require_certificate true
use_identity_as_username true
# A session is that of the certificate's user, whatever client id is said: with another's id a
# client would put that one off, and lose its queue.
use_username_as_clientid true
tls_version tlsv1.2
allow_anonymous false
acl_file {folder}/access.acl
"""


def bridge_users(shares: int) -> list[str]:
    """The users of the bridges: the session at the broker is the user's, so where the devices are
    divided into several shares, each has a user. No device can have such a name."""
    if shares == 1:
        return [BRIDGE]
    return [f"{BRIDGE}:{number}" for number in range(1, shares + 1)]


def shares_in(access: str) -> int:
    """For how many shares an ACL file was written."""
    return max(1, sum(line.startswith(f"user {BRIDGE}:") for line in access.splitlines()))


def access_list(denied: Iterable[str] = (), shares: int = 1) -> str:
    """mosquitto's ACL file.

    Args:
        shares: of the bridge.
        denied: the revoked devices. While they are still connected they may say no more than their
            status, by which it is known that they have gone.
    """
    lines = [f"pattern write {ROOT}/%u/{name}" for name in UP]
    lines += [f"pattern read {ROOT}/%u/{name}" for name in DOWN]
    for name in bridge_users(shares):
        lines += ["", f"user {name}", f"topic readwrite {ROOT}/#"]
    for name in denied:
        denials = [topic for topic in (*UP, *DOWN) if topic != _STATUS]
        lines += ["", f"user {name}", *(f"topic deny {ROOT}/{name}/{topic}" for topic in denials)]
    return _ACCESS + "\n".join(lines) + "\n"


def listener(folder: Path, persistence: Path, port: int) -> str:
    """mosquitto's settings, for certificates and an ACL file in ``folder``."""
    return _LISTENER.format(
        folder=folder, persistence=f"{persistence}/", port=port, pid_file=PID_FILE
    )


def give_to_broker(folder: Path) -> None:
    """Give what mosquitto reads and writes in ``folder`` to the user as whom it runs.

    Started by root it becomes the user ``mosquitto`` before it reads certificates and lists. Where
    that user is missing, or we are not root, everything stays as it is.
    """
    if os.geteuid() != 0:
        return
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return
    for name in ("access.acl", "broker.key", "data"):
        shutil.chown(folder / name, _USER)


def bridge_section(host: str, port: int, folder: Path, authority: Path, shares: int) -> str:
    """The section of lineal's settings (TOML) by which the bridge reaches the broker."""
    user = BRIDGE if shares == 1 else f"{BRIDGE}-{{share}}"
    settings: dict[str, str | int] = {
        "url": f"mqtts://{f'[{host}]' if ':' in host else host}:{port}",
        "ca": str(folder / "ca.crt"),
        "certificate": str(folder / f"{user}.crt"),
        "key": str(folder / f"{user}.key"),
        "authority": str(authority),
    }
    if shares > 1:
        settings["shares"] = shares
    lines = [
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in settings.items()
    ]
    return "\n".join(["[mqtt]", *lines])
