"""Roots of trust for tests, and packages with several signatures."""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lineal_consumers.deploy.keys import public_key
from lineal_consumers.deploy.package import sign_text
from lineal_consumers.deploy.root_draft import draft_root, sign_draft
from lineal_schemas.deployments import PackageManifest, SignedPackage
from lineal_scoring.release_root import ReleaseRoot


def key(name: str) -> Ed25519PrivateKey:
    """The key of a person."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"-"))


def root(
    before: ReleaseRoot | None,
    *signers: str,
    root_keys: str = "",
    package_keys: str = "",
    online_keys: str = "",
    **fields: Any,
) -> bytes:
    """The next root, signed by persons; keys are names with spaces."""
    draft = draft_root(
        before,
        root_keys=[public_key(key(name)) for name in root_keys.split()],
        package_keys=[public_key(key(name)) for name in package_keys.split()],
        online_keys=[public_key(key(name)) for name in online_keys.split()],
        **fields,
    )
    for name in signers:
        draft = sign_draft(draft, key(name))
    return draft


def signed_by(manifest: PackageManifest, *names: str) -> SignedPackage:
    """A package with the signatures of persons."""
    text = manifest.model_dump_json()
    first, *others = [sign_text(text, key(name)) for name in names]
    return SignedPackage(
        manifest=text, key_id=first.key_id, signature=first.signature, signatures=tuple(others)
    )


def raw(name: str) -> str:
    return base64.b64encode(key(name).public_key().public_bytes_raw()).decode()
