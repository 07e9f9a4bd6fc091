"""Makes releases of the device agent, and the manifests of their packages."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from lineal.errors import LinealError
from lineal_consumers.deploy.package import NoPackage, PackageSpec
from lineal_schemas.deployments import AgentManifest

_AGENT_WHEEL = re.compile(r"lineal_edge-(?P<version>[^-]+)-.*\.whl")
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BadRelease(LinealError, ValueError):
    """Files that are no release of the agent, and why."""


def pack_release(wheels: Iterable[Path]) -> bytes:
    """A release: a ZIP of wheels, the same bytes for the same wheels.

    Raises:
        BadRelease: the agent's own wheel is not among them, or one is no wheel.
        OSError: one cannot be read.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as release:
        for wheel in sorted(wheels, key=lambda file: file.name):
            if wheel.suffix != ".whl" or not zipfile.is_zipfile(wheel):
                raise BadRelease(f"{wheel} is no wheel")
            release.writestr(zipfile.ZipInfo(wheel.name, _EPOCH), wheel.read_bytes())
    data = packed.getvalue()
    version_of(data)
    return data


def version_of(release: bytes) -> str:
    """The version of the agent in a release.

    Raises:
        BadRelease: it is no ZIP with one wheel of the agent.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(release)) as opened:
            found = list(filter(None, map(_AGENT_WHEEL.fullmatch, opened.namelist())))
    except zipfile.BadZipFile as error:
        raise BadRelease(f"it is no ZIP of wheels: {error}") from error
    if len(found) != 1:
        raise BadRelease(f"{len(found)} wheels of lineal-edge are in it, not one")
    return found[0]["version"]


def build_agent_package(file: Path, order: PackageSpec) -> str:
    """The manifest of a package, as text to be signed; in a worker process.

    Raises:
        NoPackage: the file is no release.
    """
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != order.model.sha256:
        raise NoPackage("the artifact is not the release that is to be rolled out")
    try:
        version = version_of(data)
    except BadRelease as error:
        raise NoPackage(str(error)) from error
    return AgentManifest(
        kind="agent",
        release=order.model,
        agent_version=version,
        bytes=len(data),
        counter=order.counter,
        created_us=order.created_us,
        expires_us=order.expires_us,
        fleet=order.fleet,
        epoch=order.epoch,
    ).model_dump_json()
