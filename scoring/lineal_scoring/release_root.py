"""Whose signatures a model package needs: root metadata of The Update Framework (TUF 1.0).

A root names keys, and for each role how many of them have to sign. The role ``root`` signs the next
root, which the root before has to accept too; the role ``targets`` signs packages. Device and
centre read it by the same code, and any other client of TUF reads it as well.

Two fields are ours. ``x-lineal-snapshots`` says that devices ask for timestamp and snapshot
(:mod:`lineal_scoring.release_snapshot`) before they install a package. Of ``x-lineal-epoch``:
counters of packages are compared within an epoch, and a package of another epoch is not used:
raising it makes devices accept again whose counter was raised by a stolen key, and takes all
packages of before out of use.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import TYPE_CHECKING

from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signature, Targets
from tuf.api.serialization import DeserializationError

from lineal_schemas.deployments import SIGNING_PREFIX, SignedPackage
from lineal_schemas.errors import LinealError

if TYPE_CHECKING:
    from securesystemslib.signer import Key

MAX_BYTES = 512_000
"""Of a root; what is longer is not read."""
MAX_ROTATIONS = 256
"""Roots that are followed at a time."""
EPOCH = "x-lineal-epoch"
SNAPSHOTS = "x-lineal-snapshots"


class RootRejected(LinealError, ValueError):
    """A root is not used, and why."""


class NotSigned(LinealError):
    """A package has too few valid signatures, or one that is wrong.

    Attributes:
        reason: ``unknown_key``, ``bad_signature`` or ``too_few_signatures``.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class ReleaseRoot:
    """A root that is trusted; made by :func:`first_root` and :meth:`next`."""

    def __init__(self, metadata: Metadata[Root], data: bytes) -> None:
        self._metadata = metadata
        self.data = data
        """As it was read, for whoever verifies it again."""

    @property
    def metadata(self) -> Metadata[Root]:
        return self._metadata

    @property
    def version(self) -> int:
        return self._metadata.signed.version

    @property
    def expires(self) -> datetime:
        return self._metadata.signed.expires

    @property
    def epoch(self) -> int:
        """The epoch that packages have to be of."""
        return _epoch(self._metadata.signed)

    @property
    def snapshots(self) -> bool:
        """Whether a package has to be the current one by timestamp and snapshot."""
        return self._metadata.signed.unrecognized_fields.get(SNAPSHOTS) is True

    @property
    def threshold(self) -> int:
        """How many keys have to sign a package."""
        return self._metadata.signed.roles[Targets.type].threshold

    def expired(self, now: datetime) -> bool:
        """Whether its time has passed: then nothing new is taken until there is a newer one."""
        return self._metadata.signed.is_expired(now)

    def next(self, data: bytes) -> ReleaseRoot:
        """The root that follows this one, if enough keys of this root and of its own signed it.

        Raises:
            RootRejected: they did not, it has another version than the next, a lower epoch, or is
                no root. That it has expired is no reason: a newer one may follow.
        """
        new = read_root(data)
        if new.signed.version != self.version + 1:
            raise RootRejected(
                f"after version {self.version} comes no version {new.signed.version}"
            )
        if _epoch(new.signed) < self.epoch:
            raise RootRejected(f"its epoch {_epoch(new.signed)} is below {self.epoch}")
        for judge in (self._metadata.signed, new.signed):
            _require_signatures(judge, new)
        return ReleaseRoot(new, data)

    def signers(self, package: SignedPackage) -> frozenset[str]:
        """Ids of the keys that may sign packages, and have signed this one.

        Raises:
            NotSigned: ``bad_signature``: one under the id of such a key is not theirs.
        """
        root = self._metadata.signed
        allowed = root.roles[Targets.type].keyids
        found = set()
        for each in package.all_signatures:
            if each.key_id not in allowed:
                continue
            if not _verifies(root.keys[each.key_id], each.signature, package.manifest.encode()):
                raise NotSigned("bad_signature", f"{each.key_id} did not sign this manifest")
            found.add(each.key_id)
        return frozenset(found)

    def check_signatures(self, package: SignedPackage) -> None:
        """Whether enough keys have signed a package; one that signed twice counts once.

        Raises:
            NotSigned
        """
        signers = self.signers(package)
        if not signers:
            raise NotSigned("unknown_key", "no key that may sign packages has signed it")
        if len(signers) < self.threshold:
            raise NotSigned(
                "too_few_signatures", f"{len(signers)} of {self.threshold} keys have signed it"
            )


def first_root(data: bytes) -> ReleaseRoot:
    """The root that trust begins with, because somebody put it there.

    Raises:
        RootRejected: too few of its own keys signed it, or it is no root.
    """
    metadata = read_root(data)
    _require_signatures(metadata.signed, metadata)
    return ReleaseRoot(metadata, data)


def read_root(data: bytes) -> Metadata[Root]:
    """A root, whoever signed it.

    Raises:
        RootRejected: it is none, or holds keys or an epoch that are not used here.
    """
    if len(data) > MAX_BYTES:
        raise RootRejected(f"a root has at most {MAX_BYTES} bytes")
    try:
        metadata = Metadata[Root].from_bytes(data)
    except (DeserializationError, RecursionError) as error:
        raise RootRejected(f"this is no root metadata of TUF: {error}") from error
    if not isinstance(metadata.signed, Root):
        raise RootRejected("this is no root metadata of TUF")
    for key in metadata.signed.keys.values():
        if not isinstance(key, SSlibKey) or key.scheme != "ed25519":
            raise RootRejected(f"the key {key.keyid} is not an Ed25519 key")
    _epoch(metadata.signed)
    return metadata


def _epoch(root: Root) -> int:
    epoch = root.unrecognized_fields.get(EPOCH, 0)
    if not isinstance(epoch, int) or isinstance(epoch, bool) or not 0 <= epoch < 1 << 53:
        raise RootRejected(f"{epoch!r} is no epoch")
    return epoch


def _require_signatures(judge: Root, signed: Metadata[Root]) -> None:
    try:
        judge.verify_delegate(Root.type, signed.signed_bytes, signed.signatures)
    except (RepositoryError, ValueError) as error:
        raise RootRejected(
            f"version {signed.signed.version} has too few signatures of the keys of version "
            f"{judge.version}"
        ) from error


def _verifies(key: Key, signature: str, manifest: bytes) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify_signature(Signature(key.keyid, raw.hex()), SIGNING_PREFIX + manifest)
    except (UnverifiedSignatureError, VerificationError, binascii.Error, ValueError):
        return False
    return True
