"""TLS and SASL settings in the form that aiokafka's clients take."""

from __future__ import annotations

import asyncio
import shlex
import ssl
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka.abc import AbstractTokenProvider

from lineal.kafka_client.errors import KafkaUnavailable


class Security(NamedTuple):
    """How a client identifies itself, and whom it trusts; the fields are Kafka's settings.

    Attributes:
        protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.
        mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.
        ca_file: certificate authorities to trust (PEM); None for the system's.
        token_file: file with the OAUTHBEARER token, read anew for every connection.
        token_command: command that prints the token, when there is no file.
    """

    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password: str | None = None
    token_file: str | None = None
    token_command: str | None = None

    def tls_options(self) -> dict[str, Any]:
        """Keyword arguments of every aiokafka client.

        Raises:
            OSError: a certificate or key cannot be read (also as ``ssl.SSLError``).
        """
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file is not None:
                context.load_cert_chain(self.certificate_file, self.key_file)
            options["ssl_context"] = context
        return options

    def sasl_options(self) -> dict[str, Any]:
        """Further ones, where the protocol has SASL."""
        if not self.protocol.startswith("SASL"):
            return {}
        options: dict[str, Any] = {"sasl_mechanism": self.mechanism}
        if self.mechanism == "OAUTHBEARER":
            provider = TokenProvider(self.token_file, self.token_command)
            options["sasl_oauth_token_provider"] = provider
        else:
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self.password
        return options


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]
    """OAUTHBEARER tokens (KIP-255) from a file that something else renews, or from a command."""

    def __init__(self, file: str | None, command: str | None) -> None:
        if file is None and command is None:
            raise ValueError("OAUTHBEARER needs a file or a command that gives the token")
        self._file = file
        self._command = command

    async def token(self) -> str:
        """The present token; aiokafka asks for every connection.

        Raises:
            KafkaUnavailable: there is none.
        """
        if self._file is not None:
            try:
                return (await asyncio.to_thread(Path(self._file).read_text)).strip()
            except OSError as error:
                raise KafkaUnavailable(f"the file of the OAUTHBEARER token: {error}") from error
        assert self._command is not None
        process = await asyncio.create_subprocess_exec(
            *shlex.split(self._command), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise KafkaUnavailable(
                f"the command of the OAUTHBEARER token ended with exit code {process.returncode}"
            )
        return output.decode().strip()
