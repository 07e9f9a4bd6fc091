"""Drafts of roots of trust: written by one person, signed by several, each with their own key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from lineal.errors import LinealError
from lineal_consumers.deploy.keys import PublicKey, UnusableKey, public_key
from lineal_scoring.release_root import EPOCH, SNAPSHOTS, ReleaseRoot, read_root

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_DAYS = 1096
"""Of a root: three years."""


class BadDraft(LinealError, ValueError):
    """No root can be drafted like this, and why."""


def draft_root(
    before: ReleaseRoot | None,
    *,
    root_keys: Sequence[PublicKey] = (),
    root_threshold: int | None = None,
    package_keys: Sequence[PublicKey] = (),
    package_threshold: int | None = None,
    online_keys: Sequence[PublicKey] = (),
    days: int = 365,
    next_epoch: bool = False,
    now: datetime | None = None,
) -> bytes:
    """The next root, without signatures. What is not given stays as in the root before.

    Args:
        online_keys: each of which may sign timestamps and snapshots; without any, here or in the
            root before, devices ask for neither.
        next_epoch: counters of packages begin anew, and packages of before are out of use.

    Raises:
        BadDraft: there are fewer keys than have to sign, or none.
    """
    if not 0 < days <= MAX_DAYS:
        raise BadDraft(f"a root is valid for 1 to {MAX_DAYS} days, not {days}")
    known = None if before is None else before.metadata.signed
    expires = (now or datetime.now(UTC)).replace(microsecond=0) + timedelta(days=days)
    root = Root(version=1 if known is None else known.version + 1, expires=expires)
    epoch = 0 if before is None else before.epoch
    root.unrecognized_fields[EPOCH] = epoch + next_epoch
    wanted = {
        Root.type: (root_keys, root_threshold),
        Targets.type: (package_keys, package_threshold),
    }
    for role, (given, threshold) in wanted.items():
        keys = [_key(key) for key in given]
        if not keys and known is not None:
            keys = [
                SSlibKey.from_dict(k, known.keys[k].to_dict()) for k in known.roles[role].keyids
            ]
        for key in keys:
            root.add_key(key, role)
        stays = 1 if known is None else known.roles[role].threshold
        root.roles[role].threshold = stays if threshold is None else threshold
        if not 1 <= root.roles[role].threshold <= len(root.roles[role].keyids):
            raise BadDraft(
                f"{root.roles[role].threshold} of {len(root.roles[role].keyids)} keys cannot sign "
                f"for the role {role}"
            )
    root.unrecognized_fields[SNAPSHOTS] = bool(online_keys) or (
        before is not None and before.snapshots
    )
    for role in (Snapshot.type, Timestamp.type):
        if online_keys:
            for online in online_keys:
                root.add_key(_key(online), role)
        elif known is not None and before is not None and before.snapshots:
            for keyid in known.roles[role].keyids:
                root.add_key(SSlibKey.from_dict(keyid, known.keys[keyid].to_dict()), role)
        else:  # nothing is signed for them, and a root without them would be none of TUF's
            root.roles[role].keyids = list(root.roles[Targets.type].keyids)
            root.roles[role].threshold = root.roles[Targets.type].threshold
    return Metadata(root).to_bytes()


def sign_draft(data: bytes, key: Ed25519PrivateKey) -> bytes:
    """The draft with one more signature.

    Raises:
        RootRejected: it is no root.
    """
    metadata = read_root(data)
    signer = CryptoSigner(key, release_key(key))
    metadata.sign(signer, append=True)
    return metadata.to_bytes()


def read_public_key(text: str) -> PublicKey:
    """A public key as ``lineal deploy key`` prints it, or the one of a PEM file.

    Raises:
        UnusableKey: it is neither.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        raw = base64.b64decode(text, validate=True)
        if len(raw) == 32:
            return public_key(Ed25519PublicKey.from_public_bytes(raw))
    except (binascii.Error, ValueError):
        pass
    try:
        found = serialization.load_pem_public_key(Path(text).read_bytes())
    except (OSError, ValueError) as error:
        raise UnusableKey(
            f"{text!r} is no public key: 32 bytes in base64, or a PEM file of it"
        ) from error
    if not isinstance(found, Ed25519PublicKey):
        raise UnusableKey(f"the key {text} is not an Ed25519 key")
    return public_key(found)


def release_key(key: Ed25519PrivateKey) -> SSlibKey:
    """The public half of a key, as roots name it."""
    return _key(public_key(key))


def _key(key: PublicKey) -> SSlibKey:
    raw = base64.b64decode(key.key)
    return SSlibKey(key.key_id, "ed25519", "ed25519", {"public": raw.hex()})
