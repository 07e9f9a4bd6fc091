"""Apicurio Registry on this machine, with Confluent's REST API: fetched once by Maven."""

from __future__ import annotations

import tarfile
import urllib.request
from pathlib import Path

from lineal_local.availability import CACHE, Unavailable
from lineal_local.kafka_jars import find_java
from lineal_local.maven import copy_of, fetch_folder
from lineal_local.ports import free_port
from lineal_local.process import ServerProcess
from lineal_local.server import LocalServer

VERSION = "2.6.13.Final"
_ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
_FOLDER = CACHE / f"apicurio-{VERSION}"
_RUNNER = f"apicurio-registry-app-{VERSION}-runner.jar"


def fetch_apicurio(seconds: float = 300) -> Path:
    """The folder with its jars, asking Maven for them (142 MB) when they are not there yet.

    Raises:
        Unavailable: there is no Maven, or it cannot get them.
    """
    if (_FOLDER / _RUNNER).is_file():
        return _FOLDER
    fetch_folder("apicurio", _FOLDER, copy_of(_ARTIFACT), seconds, _unpack)
    return _FOLDER


def _unpack(folder: Path) -> None:
    (packed,) = folder.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    packed.unlink()


class Apicurio(LocalServer):
    """A registry on a free port of 127.0.0.1. State is in memory: a restarted one is empty."""

    name = "apicurio"

    def __init__(self, *, port: int | None = None) -> None:
        super().__init__()
        self._port = port or free_port()

    @property
    def url(self) -> str:
        """Base URL of Confluent's API."""
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def _prepare(self) -> None:
        self._java = find_java()
        if not (_FOLDER / _RUNNER).is_file():
            raise Unavailable(self.name, "its jars are not fetched yet: run `make services`")

    def _make(self, directory: Path) -> list[ServerProcess]:
        return [
            ServerProcess(
                self.name,
                [self._java, "-Xmx512m", f"-Dquarkus.http.port={self._port}",
                 "-Dquarkus.http.host=127.0.0.1", "-cp", f"{_FOLDER / _RUNNER}:{_FOLDER}/lib/*",
                 "io.quarkus.runner.GeneratedMain"],
                log=directory / "apicurio.log",
                ready=self._answers,
                directory=directory,
            )
        ]  # fmt: skip

    def _answers(self) -> bool:
        without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with without_proxy.open(f"{self.url}/subjects", timeout=10) as answer:
            return bool(answer.status == 200)
