"""AWS on this machine: ministack, and moto server as a second opinion. Nothing is sent to AWS.

    with Ministack() as aws:
        session.create_client("sqs", **aws.client_settings)

What was found out about each is in infra/local/README.md: neither has quotas, nor the archive and
replay of SNS FIFO topics. State is in memory: a restarted emulator is empty.
"""

from __future__ import annotations

import os
import urllib.request
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, TypedDict

from lineal_local.environments import installed_environment
from lineal_local.ports import free_port
from lineal_local.process import ServerProcess
from lineal_local.server import LocalServer


class ClientSettings(TypedDict):
    """Keyword arguments of (aio)botocore's `create_client`."""

    endpoint_url: str
    region_name: str
    aws_access_key_id: str
    aws_secret_access_key: str


class Emulator(LocalServer):
    """One emulator on a free port of 127.0.0.1 (or on `port`)."""

    region: ClassVar[str] = "eu-central-1"
    account: ClassVar[str] = "000000000000"
    _health: ClassVar[str]
    _reset: ClassVar[str]

    def __init__(self, *, port: int | None = None) -> None:
        super().__init__()
        self._port = port or free_port()

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def client_settings(self) -> ClientSettings:
        return {
            "endpoint_url": self.endpoint_url,
            "region_name": self.region,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }

    @property
    def environment(self) -> dict[str, str]:
        """The same for a process that reads AWS's usual variables."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def reset(self) -> None:
        """Delete every resource."""
        self._ask(self._reset, method="POST")

    def _prepare(self) -> None:
        installed_environment(self.name)

    def _make(self, directory: Path) -> list[ServerProcess]:
        return [
            ServerProcess(
                self.name,
                self._command(installed_environment(self.name)),
                log=directory / f"{self.name}.log",
                ready=lambda: self._ask(self._health),
                environment=self._settings(directory),
                directory=directory,
            )
        ]

    @abstractmethod
    def _command(self, python: Path) -> list[str | Path]: ...

    def _settings(self, directory: Path) -> Mapping[str, str]:
        # never the developer's own credentials or profile
        return {
            **self.environment,
            "AWS_ENDPOINT_URL": "",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "TMPDIR": str(directory),
        }

    def _ask(self, path: str, method: str = "GET") -> bool:
        request = urllib.request.Request(self.endpoint_url + path, method=method)  # noqa: S310
        without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with without_proxy.open(request, timeout=10) as answer:
            return bool(answer.status == 200)


class Ministack(Emulator):
    """The faithful one for FIFO queues and topics."""

    name = "ministack"
    _health = "/_ministack/health"
    _reset = "/_ministack/reset"

    def _command(self, python: Path) -> list[str | Path]:
        return [python, "-m", "ministack"]

    def _settings(self, directory: Path) -> Mapping[str, str]:
        return {
            **super()._settings(directory),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": self.region,
            "MINISTACK_ACCOUNT_ID": self.account,
            "GATEWAY_PORT": str(self._port),
            "STATE_DIR": str(directory / "state"),
            "S3_DATA_DIR": str(directory / "s3"),
            "PERSIST_STATE": "0",
            "LOG_LEVEL": "WARNING",
        }


class Moto(Emulator):
    """The second opinion."""

    name = "moto"
    account = "123456789012"
    _health = "/moto-api/data.json"
    _reset = "/moto-api/reset"

    def _command(self, python: Path) -> list[str | Path]:
        return [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)]
