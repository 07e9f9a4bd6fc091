"""A real Apache Kafka: one broker, or a quorum of three, in KRaft mode.

    with Kafka() as kafka:            # or Kafka(brokers=3)
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)

A killed broker keeps its data and its ports, so `restart` brings back the same one. Every topic of
three brokers is replicated three times and needs two in sync.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lineal_local.certificates import CertificateAuthority
from lineal_local.kafka_jars import class_archive, find_java, installed_jars
from lineal_local.kafka_settings import (
    LOGGING,
    SCRAM_PASSWORD,
    SCRAM_USER,
    BrokerPorts,
    properties,
)
from lineal_local.ports import accepts, free_port
from lineal_local.process import ServerProcess, StartFailed
from lineal_local.server import LocalServer


@dataclass(frozen=True, slots=True)
class SecureListener:
    """What a client needs for the SASL_SSL listener."""

    bootstrap: str
    ca_file: Path
    username: str
    password: str
    """For SCRAM-SHA-512. OAUTHBEARER takes `unsigned_token` instead."""

    def ssl_context(self) -> ssl.SSLContext:
        """Trusts this cluster's authority alone, and checks the host name."""
        return ssl.create_default_context(cafile=str(self.ca_file))


class Kafka(LocalServer):
    """A cluster of 1 or 3 brokers on free ports of 127.0.0.1. Brokers are counted from 0.

    `overrides` are further lines of server.properties; `heap` is the JVM's -Xmx, `jvm` what else
    it is told.
    """

    name = "kafka"

    def __init__(
        self,
        brokers: int = 1,
        *,
        overrides: Mapping[str, str] | None = None,
        heap: str = "512m",
        jvm: Sequence[str] = (),
        ports: BrokerPorts | None = None,
    ) -> None:
        if brokers not in (1, 3):
            raise ValueError("one broker or three: two would stop when either does")
        if ports is not None and brokers != 1:
            raise ValueError("ports can be chosen for a single broker only")
        super().__init__()
        self._overrides = dict(overrides or {})
        self._heap = heap
        self._ports = [ports or _free_ports() for _ in range(brokers)]
        self._jvm = tuple(jvm)

    @property
    def bootstrap(self) -> str:
        """host:port of every broker, separated by commas, without encryption or password."""
        return ",".join(f"127.0.0.1:{each.plain}" for each in self._ports)

    @property
    def secure(self) -> SecureListener:
        """The SASL_SSL listener: SCRAM-SHA-512 and OAUTHBEARER."""
        bootstrap = ",".join(f"127.0.0.1:{each.sasl}" for each in self._ports)
        return SecureListener(bootstrap, self.directory / "ca.pem", SCRAM_USER, SCRAM_PASSWORD)

    def _prepare(self) -> None:
        find_java()
        installed_jars()

    def _make(self, directory: Path) -> list[ServerProcess]:
        self._write_settings(directory)
        self._format(directory)
        return [self._broker(directory, node) for node in range(1, len(self._ports) + 1)]

    def _write_settings(self, directory: Path) -> None:
        authority = CertificateAuthority(directory)
        key_store = authority.server("broker").joined(directory / "broker.store.pem")
        (directory / "log4j2.properties").write_text(LOGGING)
        for node, _ in enumerate(self._ports, 1):
            (directory / f"server-{node}.properties").write_text(
                properties(
                    node,
                    self._ports,
                    data=directory / f"data-{node}",
                    key_store=key_store,
                    trust_store=authority.certificate,
                    overrides=self._overrides,
                )
            )

    def _format(self, directory: Path) -> None:
        # The first byte is fixed: an id that began with "-" would be taken for an option.
        cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        user = f"SCRAM-SHA-512=[name={SCRAM_USER},password={SCRAM_PASSWORD}]"
        running = [
            subprocess.Popen(
                [*_java("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
                 "kafka.tools.StorageTool", "format", "-t", cluster,
                 "-c", str(directory / f"server-{node}.properties"), "--add-scram", user],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            for node in range(1, len(self._ports) + 1)
        ]  # fmt: skip
        for process in running:
            output, _ = process.communicate(timeout=120)
            if process.returncode:
                raise StartFailed(f"kafka storage could not be formatted\n{output}")

    def _broker(self, directory: Path, node: int) -> ServerProcess:
        log = directory / f"broker-{node}.log"
        return ServerProcess(
            f"kafka broker {node}",
            [*_java(f"-Xmx{self._heap}", "-XX:+ExitOnOutOfMemoryError",
                    f"-Dlog4j2.configurationFile={directory / 'log4j2.properties'}", *self._jvm),
             "kafka.Kafka", directory / f"server-{node}.properties"],
            log=log,
            ready=_StartedAgain(log, self._ports[node - 1].plain),
            seconds=300,
        )  # fmt: skip


class _StartedAgain:
    """Whether a broker has written that it started, since it was launched last.

    The port accepts connections before the broker may answer; the line comes after the controller
    has let it in.
    """

    def __init__(self, log: Path, port: int) -> None:
        self._log = log
        self._port = port
        self._seen = 0

    def __call__(self) -> bool:
        if self._log.read_text(errors="replace").count("Kafka Server started") <= self._seen:
            return False
        if not accepts(self._port):
            return False
        self._seen += 1
        return True


def _java(*options: str) -> list[str]:
    archive = class_archive()
    shared = [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off"] if archive.exists() else []
    return [find_java(), *shared, *options, "-cp", f"{installed_jars()}/*"]


def _free_ports() -> BrokerPorts:
    return BrokerPorts(plain=free_port(), sasl=free_port(), controller=free_port())


def unsigned_token(subject: str, seconds: float = 3600) -> str:
    """A token as Kafka's validator for tests takes it (RFC 7519 section 6: no signature)."""
    now = time.time()
    claims = {"sub": subject, "iat": now, "exp": now + seconds, "scope": ""}
    parts = ({"alg": "none"}, claims)
    encoded = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    ]
    return ".".join((*encoded, ""))
