"""The log over HTTP, read only, as C2SP tlog-tiles says: ``/checkpoint`` and ``/tile/...``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lineal.lineage.ledger import record_digests
from lineal.proof.errors import LogInconsistent
from lineal.proof.log_tables import read_log, record_leaf, tile_source
from lineal.proof.merkle import HASH_BYTES
from lineal.proof.tiles import TILE_WIDTH, Tile, pack_bundle, parse_tile_path, tile_exists
from lineal.store.connection import Connection, Store

_LOOPBACK = ["127.0.0.1", "localhost"]
_CHECKPOINT_HEADERS = {"cache-control": "no-cache"}
_TILE_HEADERS = {"cache-control": "public, max-age=31536000, immutable"}


def public_application(routes: Sequence[Route], listen: str) -> Starlette:
    """Routes that anybody may ask: what they give out is public, and what they take is signed.

    Args:
        listen: address that they are served on. On loopback only its own names are answered, so
            that no web page can have its name resolved to it.
    """
    loopback = listen in _LOOPBACK
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=_LOOPBACK, www_redirect=False)
    return Starlette(routes=routes, middleware=[hosts] if loopback else [])


def log_routes(store: Store, *, witnessed: bool = False) -> list[Route]:
    """The routes of the log of a store.

    Args:
        witnessed: whether to give out checkpoints only that the policy's witnesses have signed.
    """

    async def checkpoint(request: Request) -> Response:
        note = await store.read(partial(published_checkpoint, witnessed))
        if note is None:
            return PlainTextResponse("nothing was signed yet\n", 404)
        return PlainTextResponse(note.decode(), headers=_CHECKPOINT_HEADERS)

    async def tile(request: Request) -> Response:
        try:
            wanted = parse_tile_path(request.url.path.removeprefix("/"))
        except ValueError:
            return PlainTextResponse("there is no such tile\n", 404)
        try:
            data = await store.read(partial(read_resource, wanted))
        except LogInconsistent as error:
            return PlainTextResponse(f"{error}\n", 500)
        if data is None:
            return PlainTextResponse("the log has no such tile\n", 404)
        return Response(data, media_type="application/octet-stream", headers=_TILE_HEADERS)

    return [Route("/checkpoint", checkpoint), Route("/tile/{path:path}", tile)]


def published_checkpoint(witnessed: bool, connection: Connection) -> bytes | None:
    """The checkpoint that is published."""
    row = read_log(connection)
    return None if row is None else row.witnessed if witnessed else row.checkpoint


def read_resource(tile: Tile, connection: Connection) -> bytes | None:
    """A tile or a bundle of entries; None if the log has none.

    Raises:
        LogInconsistent: records are not those that the log's tree has: they are not shown.
    """
    row = read_log(connection)
    if row is None or not tile_exists(tile, row.size):
        return None
    hashes = tile_source(connection)(tile.level or 0, tile.number)[: tile.width * HASH_BYTES]
    if len(hashes) != tile.width * HASH_BYTES:
        raise LogInconsistent(f"tile {tile.path} is cut off")
    if tile.level is not None:
        return hashes
    first = tile.number * TILE_WIDTH
    digests = record_digests(connection, first, tile.width)
    if b"".join(map(record_leaf, digests)) != hashes:
        raise LogInconsistent(
            f"records {first + 1} to {first + tile.width} are not those that were logged"
        )
    return pack_bundle(digests)
