"""Runs model servers as parts of a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineal.producers import Producer
from lineal_producers.serving.routes import serving_routes
from lineal_producers.serving.server import ModelServer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute

    from lineal.runtime import Runtime


class ModelServers:
    """The servers of some models: each a producer, and all of them the routes of one address."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(dict.fromkeys(names))
        self.servers: dict[str, ModelServer] = {}

    def producers(self) -> list[Producer]:
        return [self._producer(name) for name in self.names]

    def _producer(self, name: str) -> Producer:
        def make(runtime: Runtime) -> ModelServer:
            server = self.servers[name] = ModelServer(runtime, name)
            return server

        return Producer(f"serve {name}", f"the server of {name}", make, lambda _: False)

    def routes(self) -> Sequence[BaseRoute]:
        """Of the servers that have been made."""
        return serving_routes(list(self.servers.values()))
