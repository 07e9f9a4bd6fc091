"""What the device knows of which packages are current, where its root of trust asks for that."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lineal_edge.update.disk import Disk
from lineal_schemas.errors import LinealError
from lineal_scoring.release_root import ReleaseRoot
from lineal_scoring.release_snapshot import (
    CurrentPackages,
    SnapshotRejected,
    snapshot_version_of,
    trusted_keys_of,
)

log = logging.getLogger(__name__)


class NotCurrentYet(LinealError, OSError):
    """The centre has not said, or not lately enough, that a package is current: the job waits for
    it, until its time is up.

    Attributes:
        reason: for the report then.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class _Kept(BaseModel):
    """``current.json`` in the folder of the models."""

    model_config = ConfigDict(frozen=True)

    trusted_keys: str
    """Whose word it is: under a root with other keys, or of another epoch, it counts no more."""
    timestamp: str
    snapshot: str


class CurrentFile:
    """The newest timestamp and snapshot that were seen, also after a restart."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._file = folder / "current.json"
        self._disk = disk

    def renew(
        self, root: ReleaseRoot, fetch: Callable[[str], bytes | None], now: datetime.datetime
    ) -> None:
        """Ask for the newest timestamp, and for its snapshot if that is another.

        Args:
            fetch: gives a file by its name beside the models; None where there is none.

        Raises:
            NotCurrentYet: there is none, or its time has passed.
            SnapshotRejected: what there is is not signed as it has to be, or older than what was
                seen before.
        """
        timestamp = fetch("timestamp.json")
        if timestamp is None:
            raise NotCurrentYet("stale", "the centre does not say which packages are current")
        before = self.read(root)
        version = snapshot_version_of(timestamp, root)
        if before is not None and before.snapshot_version == version:
            snapshot: bytes | None = before.snapshot_data
        else:
            snapshot = fetch(f"{version}.snapshot.json")
        if snapshot is None:
            raise NotCurrentYet("stale", f"the centre has no snapshot {version}")
        newest = CurrentPackages(timestamp, snapshot, root)
        if before is not None:
            newest = before.next(newest)
        try:
            newest.require_fresh(now)
        except SnapshotRejected as error:
            raise NotCurrentYet(error.reason, str(error)) from error
        kept = _Kept(
            trusted_keys=newest.trusted_keys,
            timestamp=timestamp.decode(),
            snapshot=snapshot.decode(),
        )
        self._disk.make_folder(self._folder)
        self._disk.replace(self._file, kept.model_dump_json().encode())

    def read(self, root: ReleaseRoot) -> CurrentPackages | None:
        """What was seen last, if it is of the keys and the epoch of a root."""
        data = self._disk.read(self._file)
        if data is None:
            return None
        try:
            kept = _Kept.model_validate_json(data)
            if kept.trusted_keys != trusted_keys_of(root):
                return None
            return CurrentPackages(kept.timestamp.encode(), kept.snapshot.encode(), root)
        except (ValidationError, SnapshotRejected):
            log.error("%s cannot be read: it is asked for anew", self._file)
            return None
