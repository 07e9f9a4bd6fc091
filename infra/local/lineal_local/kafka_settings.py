"""server.properties of one broker of a local cluster, and how it logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SCRAM_USER = "lineal"
SCRAM_PASSWORD = "only-for-tests"  # noqa: S105

LOGGING = """\
status = warn
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %p %m (%c)%n%throwable
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


@dataclass(frozen=True, slots=True)
class BrokerPorts:
    """Ports on 127.0.0.1: clients without and with SASL over TLS, and the quorum's own."""

    plain: int
    sasl: int
    controller: int


def properties(
    node: int,
    ports: Sequence[BrokerPorts],
    *,
    data: Path,
    key_store: Path,
    trust_store: Path,
    overrides: Mapping[str, str],
) -> str:
    """The settings of the combined broker and controller `node`, counted from 1.

    Three nodes replicate everything three times and acknowledge at two; one replicates nothing.
    The SASL listener takes SCRAM-SHA-512 (`SCRAM_USER`) and OAUTHBEARER with Kafka's own validator
    of unsigned tokens, which Kafka's documentation calls fit for tests only.
    """
    own = ports[node - 1]
    copies, in_sync = ("3", "2") if len(ports) >= 3 else ("1", "1")
    sasl = "listener.name.sasl_ssl"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    bearer = (
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
        'unsecuredLoginStringClaim_sub="broker";'
    )
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "controller.quorum.voters": ",".join(
            f"{number}@127.0.0.1:{each.controller}" for number, each in enumerate(ports, 1)
        ),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{own.plain},SASL_SSL://127.0.0.1:{own.sasl},"
        f"CONTROLLER://127.0.0.1:{own.controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{own.plain},"
        f"SASL_SSL://127.0.0.1:{own.sasl}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,"
        "CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
        f"{sasl}.scram-sha-512.sasl.jaas.config": scram,
        f"{sasl}.oauthbearer.sasl.jaas.config": bearer,
        f"{sasl}.ssl.keystore.type": "PEM",
        f"{sasl}.ssl.keystore.location": str(key_store),
        f"{sasl}.ssl.truststore.type": "PEM",
        f"{sasl}.ssl.truststore.location": str(trust_store),
        "log.dirs": str(data),
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        # 50 partitions each by default: seconds of start-up and hundreds of open files
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        # so that a test may let a slow member miss its turn without waiting six seconds for it
        "group.min.session.timeout.ms": "1000",
        # a killed broker is found out, and comes back, in a second or two instead of nine
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "controlled.shutdown.enable": "true",
        "auto.create.topics.enable": "true",
        "num.partitions": "1",
        "delete.topic.enable": "true",
        # a transaction that its killed producer left open is aborted within about a second
        # after its own timeout, not ten
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        **overrides,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
