"""Makes the Kafka client's cluster configuration from the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lineal.errors import BusUnavailable
from lineal.kafka_client.connection import Cluster, Connection
from lineal.kafka_client.errors import KafkaUnavailable
from lineal.kafka_client.security import Security

if TYPE_CHECKING:
    from lineal.settings import KafkaSettings

_REQUEST_MARGIN_SECONDS = 5.0
_MIN_REQUEST_SECONDS = 15.0


def cluster_of(bootstrap: Sequence[str], client_id: str, settings: KafkaSettings) -> Cluster:
    """The cluster that settings name.

    Raises:
        BusUnavailable: certificates or credentials are missing; the text says which setting.
    """
    security = Security(
        settings.security_protocol, settings.sasl_mechanism, settings.ca_file,
        settings.certificate_file, settings.key_file, settings.username, settings.password,
        settings.token_file, settings.token_command,
    )  # fmt: skip
    try:
        tls = security.tls_options()
    except OSError as error:
        raise BusUnavailable(
            "the certificates of LINEAL_KAFKA__CA_FILE, .._CERTIFICATE_FILE, .._KEY_FILE cannot "
            f"be used: {error}"
        ) from error
    _check_credentials(settings)
    options = {**tls, **security.sasl_options()}
    request_seconds = max(_MIN_REQUEST_SECONDS, settings.session_seconds + _REQUEST_MARGIN_SECONDS)
    return Cluster(tuple(bootstrap), client_id, options, request_seconds)


async def connect(connection: Connection) -> None:
    """Open a connection.

    Raises:
        BusUnavailable: no broker answers; the text says what to look at.
    """
    try:
        await connection.open()
    except KafkaUnavailable as error:
        raise BusUnavailable(
            f"{error}: is it running, is LINEAL_BUS right, and do LINEAL_KAFKA__SECURITY_PROTOCOL "
            "and the credentials fit its listener?"
        ) from error


def _check_credentials(settings: KafkaSettings) -> None:
    if not settings.security_protocol.startswith("SASL"):
        return
    if settings.sasl_mechanism == "OAUTHBEARER":
        if settings.token_file is None and settings.token_command is None:
            raise BusUnavailable(
                "OAUTHBEARER needs LINEAL_KAFKA__TOKEN_FILE or LINEAL_KAFKA__TOKEN_COMMAND"
            )
    elif settings.username is None or settings.password is None:
        raise BusUnavailable(
            f"{settings.sasl_mechanism} needs LINEAL_KAFKA__USERNAME and LINEAL_KAFKA__PASSWORD"
        )
