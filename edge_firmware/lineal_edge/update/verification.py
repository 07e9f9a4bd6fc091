"""Verifies a package: signature, target device and expiry."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from lineal_schemas.deployments import (
    SIGNING_PREFIX,
    AgentManifest,
    PackageManifest,
    SignedPackage,
)
from lineal_schemas.errors import LinealError
from lineal_schemas.models import ModelRef

MAX_MODEL_BYTES = 512 << 20
MAX_AGENT_BYTES = 512 << 20

M = TypeVar("M", PackageManifest, AgentManifest)


class PackageRejected(LinealError):
    """A package is not used, or a job not done.

    Attributes:
        reason: a word for programs, as ``bad_signature``; reported to the server.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def open_package(package: SignedPackage, trusted_keys: Mapping[str, bytes], of: type[M]) -> M:
    """The manifest of a package that one of the trusted keys signed. Keys are rotated by trusting
    the next and the old one for a while; no package can add one.

    Raises:
        PackageRejected: ``unknown_key``, ``bad_signature``, or ``bad_manifest``.
    """
    key = trusted_keys.get(package.key_id)
    if key is None:
        raise PackageRejected("unknown_key", f"nobody here trusts the key {package.key_id!r}")
    signed = package.manifest.encode()
    try:
        signature = base64.b64decode(package.signature, validate=True)
        Ed25519PublicKey.from_public_bytes(key).verify(signature, SIGNING_PREFIX + signed)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise PackageRejected("bad_signature", "the signature is not of this manifest") from error
    return read_manifest(signed, of)


def read_manifest(signed: bytes, of: type[M]) -> M:
    """The manifest of a package whose signatures were checked. What is signed as a model is none of
    an agent, nor the other way round: each lacks fields of the other.

    Raises:
        PackageRejected: ``bad_manifest``.
    """
    try:
        return of.model_validate_json(signed)
    except ValidationError as error:
        raise PackageRejected("bad_manifest", f"the manifest is malformed: {error}") from error


def check_fit(
    manifest: PackageManifest,
    *,
    features: Sequence[str],
    active: ModelRef | None,
    counter: int,
    now_us: int,
    fleet: str | None = None,
) -> None:
    """Whether a manifest is for this device, now.

    Args:
        features: of the device's readings.
        active: what scores now; a package of another name is another model's.
        counter: the highest that was ever confirmed here.
        now_us: wall clock, or the newest time known from a signed package if that is later.
        fleet: the one this device is of. A device of a fleet takes packages for that one alone.

    Raises:
        PackageRejected: ``wrong_fleet``, ``wrong_model``, ``schema_mismatch``, ``replayed``,
            ``expired``, ``too_large``.
    """
    _check_fleet(manifest, fleet)
    if active is not None and manifest.model.name != active.name:
        raise PackageRejected(
            "wrong_model", f"this is a {manifest.model.name}, not a {active.name}"
        )
    missing = [name for name in manifest.input_schema.features if name not in features]
    if missing:
        raise PackageRejected(
            "schema_mismatch", f"the device does not measure {', '.join(missing)}"
        )
    same = active is not None and active.sha256 == manifest.model.sha256
    if manifest.counter < counter or (manifest.counter == counter and not same):
        raise PackageRejected(
            "replayed", f"counter {manifest.counter}, but {counter} was confirmed before"
        )
    _check_expiry(manifest, now_us)
    if manifest.bytes > MAX_MODEL_BYTES:
        raise PackageRejected("too_large", f"{manifest.bytes} bytes")


def check_agent_fit(
    manifest: AgentManifest,
    *,
    installed: str | None,
    counter: int,
    now_us: int,
    fleet: str | None,
    rejected: Mapping[str, str],
) -> None:
    """Whether a release of the agent is for this device, now.

    Args:
        installed: digest of the release in use.
        rejected: releases that were tried here and went back, with the reason.

    Raises:
        PackageRejected: ``wrong_fleet``, ``replayed``, ``expired``, ``too_large``,
            ``rejected_before``.
    """
    _check_fleet(manifest, fleet)
    same = manifest.release.sha256 == installed
    if manifest.counter < counter or (manifest.counter == counter and not same):
        raise PackageRejected(
            "replayed", f"counter {manifest.counter}, but {counter} was confirmed before"
        )
    _check_expiry(manifest, now_us)
    if manifest.bytes > MAX_AGENT_BYTES:
        raise PackageRejected("too_large", f"{manifest.bytes} bytes")
    if reason := rejected.get(manifest.release.sha256):
        raise PackageRejected(
            "rejected_before", f"this release was tried here and went back: {reason}"
        )


def _check_fleet(manifest: PackageManifest | AgentManifest, fleet: str | None) -> None:
    if manifest.fleet != fleet:
        raise PackageRejected(
            "wrong_fleet",
            f"the package is for fleet {manifest.fleet!r}, and this device of {fleet!r}",
        )


def _check_expiry(manifest: PackageManifest | AgentManifest, now_us: int) -> None:
    if manifest.expires_us <= now_us:
        raise PackageRejected("expired", "the package's time has passed")
