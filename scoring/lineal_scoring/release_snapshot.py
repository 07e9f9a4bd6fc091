"""Which packages are current: snapshot and timestamp metadata of The Update Framework (TUF 1.0).

A signature says that a package was meant once. That it still is says the snapshot: it lists the one
package of each model, and of the agent, by its counter and the digest of its manifest. The
timestamp names the snapshot and is valid for hours: who keeps newer ones from a device, or hands it
an older set of packages, can do so for that long, and then nothing is installed.

Roots say whether their devices ask for these (:attr:`ReleaseRoot.snapshots`). Device and centre
read them by the same code.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from tuf.api.exceptions import LengthOrHashMismatchError, RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp
from tuf.api.serialization import DeserializationError

from lineal_schemas.errors import LinealError
from lineal_scoring.release_root import MAX_BYTES, ReleaseRoot

WITHDRAWN = "x-lineal-withdrawn"
"""Of an entry of a snapshot: nobody installs this package any more."""

S = TypeVar("S", Timestamp, Snapshot)


class SnapshotRejected(LinealError, ValueError):
    """A snapshot or a timestamp is not used, or a package not by it, and why.

    Attributes:
        reason: ``bad_snapshot``, ``stale`` (its time has passed), ``rolled_back`` (older than what
            was seen), ``not_listed`` (the package is newer than the snapshot) or ``not_current``.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def entry_name(kind: str, name: str) -> str:
    """How a snapshot calls the packages of a model, or of the agent."""
    return f"{kind}.{name}.json"


def entry_of(manifest: str, counter: int, *, withdrawn: bool = False) -> MetaFile:
    """The entry of a package, by the text of its manifest."""
    data = manifest.encode()
    fields = {WITHDRAWN: True} if withdrawn else {}
    digest = {"sha256": sha256(data).hexdigest()}
    return MetaFile(counter, len(data), digest, fields)


class CurrentPackages:
    """A timestamp with its snapshot, both verified; made by :func:`first_packages` and
    :meth:`next`."""

    def __init__(self, timestamp: bytes, snapshot: bytes, root: ReleaseRoot) -> None:
        self.timestamp_data = timestamp
        self.snapshot_data = snapshot
        self.trusted_keys = trusted_keys_of(root)
        """By whose keys they were verified."""
        self._timestamp = _verified(timestamp, Timestamp, root)
        self._snapshot = _verified(snapshot, Snapshot, root)
        named = self._timestamp.snapshot_meta
        try:
            named.verify_length_and_hashes(snapshot)
        except LengthOrHashMismatchError as error:
            raise SnapshotRejected(
                "bad_snapshot", "the snapshot is not the one that the timestamp names"
            ) from error
        if named.version != self._snapshot.version:
            raise SnapshotRejected("bad_snapshot", "the snapshot has another version than named")

    @property
    def version(self) -> int:
        """Of the timestamp."""
        return self._timestamp.version

    @property
    def snapshot_version(self) -> int:
        return self._snapshot.version

    @property
    def expires(self) -> datetime:
        """When the timestamp, or the snapshot if that is sooner, is of no use any more."""
        return min(self._timestamp.expires, self._snapshot.expires)

    @property
    def snapshot_expires(self) -> datetime:
        return self._snapshot.expires

    @property
    def entries(self) -> Mapping[str, MetaFile]:
        """By :func:`entry_name`."""
        return self._snapshot.meta

    def require_fresh(self, now: datetime) -> None:
        """Raises:
        SnapshotRejected: ``stale``.
        """
        if now >= self.expires:
            raise SnapshotRejected(
                "stale", f"which packages are current was last said until {self.expires:%F %T} UTC"
            )

    def next(self, newer: CurrentPackages) -> CurrentPackages:
        """The newer one of two of the same keys, if nothing in it goes back.

        Raises:
            SnapshotRejected: ``rolled_back``.
        """
        if newer.version < self.version or newer.snapshot_version < self.snapshot_version:
            raise SnapshotRejected(
                "rolled_back",
                f"timestamp {newer.version} with snapshot {newer.snapshot_version}, but "
                f"{self.version} with {self.snapshot_version} was seen before",
            )
        for name, entry in self.entries.items():
            other = newer.entries.get(name)
            if other is None or other.version < entry.version:
                raise SnapshotRejected(
                    "rolled_back", f"the snapshot forgets {entry.version} of {name}"
                )
        return newer

    def require_current(self, kind: str, name: str, counter: int, manifest: str) -> None:
        """Whether a package is the one that is listed.

        Raises:
            SnapshotRejected: ``not_listed`` or ``not_current``.
        """
        entry = self.entries.get(entry_name(kind, name))
        if entry is None or entry.version < counter:
            raise SnapshotRejected("not_listed", f"counter {counter} of {name} is not listed yet")
        same = entry_of(manifest, counter)
        if entry.version != counter or entry.hashes != same.hashes:
            raise SnapshotRejected(
                "not_current", f"counter {entry.version} of {name} has taken its place"
            )
        if entry.unrecognized_fields.get(WITHDRAWN):
            raise SnapshotRejected("not_current", f"counter {counter} of {name} was withdrawn")


def trusted_keys_of(root: ReleaseRoot) -> str:
    """Whose word counts by a root: with other keys, or in another epoch, versions begin anew."""
    roles = root.metadata.signed.roles
    said = [
        f"{roles[name].threshold} of {' '.join(sorted(roles[name].keyids))}"
        for name in (Timestamp.type, Snapshot.type)
    ]
    return "; ".join([f"epoch {root.epoch}", *said])


def snapshot_version_of(timestamp: bytes, root: ReleaseRoot) -> int:
    """Which snapshot a timestamp names.

    Raises:
        SnapshotRejected: ``bad_snapshot``.
    """
    return _verified(timestamp, Timestamp, root).snapshot_meta.version


def _verified(data: bytes, of: type[S], root: ReleaseRoot) -> S:
    if len(data) > MAX_BYTES:
        raise SnapshotRejected("bad_snapshot", f"a {of.type} has at most {MAX_BYTES} bytes")
    try:
        metadata = Metadata[S].from_bytes(data)
        if not isinstance(metadata.signed, of):
            raise SnapshotRejected("bad_snapshot", f"this is no {of.type} of TUF")
        root.metadata.signed.verify_delegate(of.type, metadata.signed_bytes, metadata.signatures)
    except (DeserializationError, RepositoryError, RecursionError, ValueError) as error:
        if isinstance(error, SnapshotRejected):
            raise
        raise SnapshotRejected("bad_snapshot", f"a {of.type} that is not used: {error}") from error
    return metadata.signed
