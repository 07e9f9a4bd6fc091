"""TLS and SASL, from the settings to what aiokafka's clients take."""

from __future__ import annotations

import asyncio
import shlex
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka.abc import AbstractTokenProvider

from lineal.bus.protocol import BusUnavailable

if TYPE_CHECKING:
    from lineal.settings import KafkaSettings


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments of every aiokafka client.

    Raises:
        BusUnavailable: a certificate cannot be read; the text says which setting names it.
    """
    options: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.sasl_mechanism
        if settings.sasl_mechanism == "OAUTHBEARER":
            options["sasl_oauth_token_provider"] = TokenProvider(settings)
        else:
            if settings.username is None or settings.password is None:
                raise BusUnavailable(
                    f"{settings.sasl_mechanism} needs LINEAL_KAFKA__USERNAME and "
                    "LINEAL_KAFKA__PASSWORD"
                )
            options["sasl_plain_username"] = settings.username
            options["sasl_plain_password"] = settings.password
    return options


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except OSError as error:  # ssl.SSLError is one
        raise BusUnavailable(
            f"the certificates of LINEAL_KAFKA__CA_FILE, .._CERTIFICATE_FILE, .._KEY_FILE cannot "
            f"be used: {error}"
        ) from error
    return context


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]
    """OAUTHBEARER tokens from a file that something else renews, or from a command's output."""

    def __init__(self, settings: KafkaSettings) -> None:
        if settings.token_file is None and settings.token_command is None:
            raise BusUnavailable(
                "OAUTHBEARER needs LINEAL_KAFKA__TOKEN_FILE or LINEAL_KAFKA__TOKEN_COMMAND"
            )
        self._file = settings.token_file
        self._command = settings.token_command

    async def token(self) -> str:
        """The token of this moment; read anew for every connection."""
        if self._file is not None:
            try:
                return (await asyncio.to_thread(Path(self._file).read_text)).strip()
            except OSError as error:
                raise BusUnavailable(f"LINEAL_KAFKA__TOKEN_FILE: {error}") from error
        assert self._command is not None
        process = await asyncio.create_subprocess_exec(
            *shlex.split(self._command), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise BusUnavailable(
                f"LINEAL_KAFKA__TOKEN_COMMAND ended with exit code {process.returncode}"
            )
        return output.decode().strip()
