"""``GET /packages/SHA256``: models and releases of the agent for devices; and roots of trust.

Only files that a rollout has sent out are given; nothing else of the object store can be had here.
A file is what its digest says and never changes, so it may be cached for ever; that it may be used
is what the signed manifest says, which comes another way. ``GET /packages/N.root.json`` is the root
of trust of a version, as clients of The Update Framework ask for it; so are ``timestamp.json`` and
``N.snapshot.json``, which say which packages are current.
"""

from __future__ import annotations

import re

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from lineal.errors import ObjectMissing
from lineal.lineage.ledger import steps_of_artifact
from lineal.lineage.record import Artifact
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.models.release_current import newest_snapshot
from lineal_catalog.models.release_roots import published_roots

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ROOT = re.compile(r"([1-9][0-9]{0,8})\.root\.json")
_SNAPSHOT = re.compile(r"([1-9][0-9]{0,15})\.snapshot\.json")
_ROLES = ("model", "agent")


def package_route(runtime: Runtime) -> Route:
    """``GET`` and ``HEAD /packages/SHA256``, and metadata of TUF beside them."""
    released: dict[str, Artifact] = {}

    async def package(request: Request) -> Response:
        wanted = request.path_params["sha256"]
        if version := _ROOT.fullmatch(wanted):
            return await _root(runtime, int(version[1]))
        if wanted == "timestamp.json":
            return await _current(runtime, None)
        if version := _SNAPSHOT.fullmatch(wanted):
            return await _current(runtime, int(version[1]))
        if not _DIGEST.fullmatch(wanted):
            raise HTTPException(404, "packages are named by the SHA-256 of their model")
        artifact = released.get(wanted)
        if artifact is None:
            await runtime.flush_ledger()
            artifact = await runtime.store.read(lambda c: released_model(c, wanted))
            if artifact is None:
                raise HTTPException(404, "no rollout has sent out a model of this digest")
            released[wanted] = artifact
        try:
            path = await runtime.objects.checked_path(
                reference(artifact.sha256, artifact.bytes, artifact.media_type)
            )
        except ObjectMissing as error:
            raise HTTPException(410, "this model has been erased") from error
        headers = {
            "etag": f'"{wanted}"',
            "cache-control": "public, max-age=31536000, immutable",
            "x-content-type-options": "nosniff",
        }
        return FileResponse(path, media_type="application/octet-stream", headers=headers)

    return Route("/packages/{sha256}", package)


async def _root(runtime: Runtime, version: int) -> Response:
    await runtime.flush_ledger()
    roots = await runtime.store.read(published_roots)
    published = next((root for root in roots if root.version == version), None)
    if published is None:
        raise HTTPException(404, "no root of this version was published")
    return _metadata(await runtime.objects.get(published.object))


async def _current(runtime: Runtime, version: int | None) -> Response:
    """The newest timestamp, or a snapshot."""
    await runtime.flush_ledger()
    found = await runtime.store.read(lambda c: newest_snapshot(c, version))
    if found is None:
        raise HTTPException(404, "nothing was signed that says which packages are current")
    ref = found.timestamp if version is None else found.snapshot
    return _metadata(await runtime.objects.get(ref))


def _metadata(data: bytes) -> Response:
    headers = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
    return Response(data, media_type="application/json", headers=headers)


def package_application(runtime: Runtime) -> Starlette:
    """Only packages: what may listen where devices can reach it, unlike the rest of the API."""
    return Starlette(routes=[package_route(runtime)])


def released_model(connection: Connection, sha256: str) -> Artifact | None:
    """The model or release of this digest, if the ledger says that a rollout took it."""
    for record in steps_of_artifact(connection, sha256, made=False):
        if record.kind == "deploy" and "refused" not in record.attributes:
            for artifact in record.inputs:
                if artifact.sha256 == sha256 and artifact.role in _ROLES:
                    return artifact
    return None
