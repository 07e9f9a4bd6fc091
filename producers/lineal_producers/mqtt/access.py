"""Writes mosquitto's configuration: a listener with client certificates, and its access list."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lineal_schemas.mqtt_topics import DOWN, ROOT, UP

BRIDGE = "bridge"
"""The user who may do everything: the common name of the bridge's certificate."""

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
message_size_limit 8388608
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
        denied: devices that may do nothing, also while they are connected: the revoked ones.
    """
    lines = [f"pattern write {ROOT}/%u/{name}" for name in UP]
    lines += [f"pattern read {ROOT}/%u/{name}" for name in DOWN]
    for name in bridge_users(shares):
        lines += ["", f"user {name}", f"topic readwrite {ROOT}/#"]
    for name in denied:
        lines += ["", f"user {name}", "topic deny #"]
    return _ACCESS + "\n".join(lines) + "\n"


def listener(folder: Path, persistence: Path, port: int) -> str:
    """mosquitto's settings, for certificates and an ACL file in ``folder``."""
    return _LISTENER.format(
        folder=folder, persistence=f"{persistence}/", port=port, pid_file=PID_FILE
    )
