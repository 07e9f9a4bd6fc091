"""A real mosquitto with an open listener, and one that wants client certificates.

with Mosquitto() as broker:
    client.connect("127.0.0.1", broker.port)

device = broker.client("device-1")              # certificate and key, common name = user
client.tls_set(broker.ca_file, device.certificate, device.key)
client.connect("localhost", broker.tls_port)
"""

from __future__ import annotations

import getpass
import signal
from collections.abc import Sequence
from pathlib import Path

from lineal_local.availability import Unavailable, find_program
from lineal_local.certificates import Certificate, CertificateAuthority
from lineal_local.ports import accepts, free_port
from lineal_local.process import ServerProcess
from lineal_local.server import LocalServer

ACCESS = """\
# a device sees and writes what is below its own name; the bridge everything
pattern readwrite devices/%u/#
user bridge
topic readwrite #
"""


class Mosquitto(LocalServer):
    """One broker on free ports of 127.0.0.1, or on those given.

    Sessions and queued messages are written to disk at a clean shutdown and every
    `autosave_seconds`: mosquitto's own default is half an hour, so kill -9 loses what came since.
    `access` is the ACL file of the listener with client certificates; `settings` are further
    lines of mosquitto.conf, `tls_settings` those of the listener with client certificates.
    """

    name = "mosquitto"

    def __init__(
        self,
        *,
        port: int | None = None,
        tls_port: int | None = None,
        autosave_seconds: int = 1800,
        access: str = ACCESS,
        settings: Sequence[str] = (),
        tls_settings: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.port = port or free_port()
        self.tls_port = tls_port or free_port()
        self._autosave_seconds = autosave_seconds
        self._access = access
        self._settings = tuple(settings)
        self._tls_settings = tuple(tls_settings)
        self._authority: CertificateAuthority | None = None

    @property
    def ca_file(self) -> Path:
        """The authority that signed the broker's certificate and every client's."""
        return self.directory / "ca.pem"

    def client(self, name: str) -> Certificate:
        """A certificate with which a client is the user `name`."""
        if self._authority is None:
            raise RuntimeError("mosquitto is not started")
        return self._authority.client(name)

    def save(self) -> None:
        """SIGUSR1: asks for sessions and queued messages to be saved now; does not wait."""
        self._process(0).send(signal.SIGUSR1)

    def _prepare(self) -> None:
        find_mosquitto()

    def _make(self, directory: Path) -> list[ServerProcess]:
        self._authority = CertificateAuthority(directory)
        server = self._authority.server("broker")
        access = directory / "access.acl"
        access.write_text(self._access)
        access.chmod(0o600)
        configuration = directory / "mosquitto.conf"
        configuration.write_text("\n".join(self._lines(server, access)) + "\n")
        return [
            ServerProcess(
                "mosquitto",
                [find_mosquitto(), "-c", configuration],
                log=directory / "mosquitto.log",
                ready=lambda: accepts(self.port) and accepts(self.tls_port),
                directory=directory,
            )
        ]

    def _lines(self, server: Certificate, access: Path) -> list[str]:
        return [
            # started by root it would become the user mosquitto, who may not enter the folder
            f"user {getpass.getuser()}",
            "per_listener_settings true",
            "persistence true",
            f"persistence_location {self.directory}/",
            f"autosave_interval {self._autosave_seconds}",
            "log_dest stderr",
            "log_timestamp_format %H:%M:%S",
            *self._settings,
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            f"listener {self.tls_port} 127.0.0.1",
            f"cafile {self.ca_file}",
            f"certfile {server.certificate}",
            f"keyfile {server.key}",
            "require_certificate true",
            "use_identity_as_username true",
            "tls_version tlsv1.2",
            "allow_anonymous false",
            f"acl_file {access}",
            *self._tls_settings,
        ]


def find_mosquitto() -> str:
    """The path of the broker; Unavailable when it is not installed."""
    program = find_program("mosquitto")
    if program is None:
        raise Unavailable(
            "mosquitto", "install mosquitto 2 (Debian, Ubuntu: apt install mosquitto)"
        )
    return program
