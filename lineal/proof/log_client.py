"""A client that reads a log over HTTP by its tiles."""

from __future__ import annotations

from lineal.proof.http import Unreachable, request
from lineal.proof.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, TiledTree


class LogClient:
    """Reads checkpoints and tiles below a URL; blocks while it waits.

    Args:
        url: the log's prefix.
        seconds: to wait for an answer.
    """

    def __init__(self, url: str, seconds: float = 10.0) -> None:
        self.url = url
        self._seconds = seconds

    def checkpoint(self) -> bytes:
        """The newest; nothing of it is verified.

        Raises:
            Unreachable: the log does not answer.
        """
        return self._get("checkpoint")

    def tree(self, size: int) -> TiledTree:
        """The tree at a size, in leaves; reading it raises Unreachable."""

        def source(level: int, number: int) -> bytes:
            width = min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - number * TILE_WIDTH)
            return self._get(Tile(level, number, width).path) if width > 0 else b""

        return TiledTree(source)

    def _get(self, path: str) -> bytes:
        answer = request(self.url, path, seconds=self._seconds)
        if answer.status != 200:
            raise Unreachable(f"{self.url}/{path} answers {answer.status}")
        return answer.body
