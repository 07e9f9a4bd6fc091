"""Whom the device trusts to sign packages: the keys of its settings, or a root that changes."""

from __future__ import annotations

import datetime
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from lineal_edge.update.current import CurrentFile, NotCurrentYet
from lineal_edge.update.disk import Disk
from lineal_edge.update.download import Fetch, ServerRejected
from lineal_edge.update.verification import M, PackageRejected, open_package, read_manifest
from lineal_schemas.deployments import AgentManifest, PackageManifest, SignedPackage
from lineal_scoring.release_root import (
    MAX_BYTES,
    MAX_ROTATIONS,
    NotSigned,
    ReleaseRoot,
    RootRejected,
    first_root,
)
from lineal_scoring.release_snapshot import SnapshotRejected

log = logging.getLogger(__name__)

_GONE = (404, 410)


class Trust(Protocol):
    """Opens packages that were signed as they have to be."""

    @property
    def epoch(self) -> int:
        """The epoch that packages have to be of."""

    @property
    def root_version(self) -> int | None:
        """Of the root of trust; None without one."""

    def renew(self, url: str, now_us: int) -> None:
        """Look beside a model's URL for newer roots, and for which packages are current now.

        Raises:
            PackageRejected: ``bad_root``, ``bad_snapshot``, ``rolled_back``.
            NotCurrentYet: the centre has not said lately which packages are current.
            OSError, http.client.HTTPException: the server, or the disk, is away.
        """

    def open(self, package: SignedPackage, now_us: int, of: type[M]) -> M:
        """The manifest of a package, which has to be one ``of`` this kind.

        Raises:
            PackageRejected: it is not signed as it has to be.
        """


class TrustedKeys:
    """Keys of the settings, each of which suffices."""

    epoch = 0
    root_version = None

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = keys

    def renew(self, url: str, now_us: int) -> None:
        """Keys of the settings are changed there alone."""

    def open(self, package: SignedPackage, now_us: int, of: type[M]) -> M:
        return open_package(package, self._keys, of)


class _Kept(BaseModel):
    """``root.json`` in the folder of the models."""

    model_config = ConfigDict(frozen=True)

    began: str
    """SHA-256 of the root of the settings that this one followed from."""
    root: str


class TrustedRoot:
    """The newest root that followed from the one of the settings.

    Args:
        begin: the root of the settings. Another one there begins anew: whoever may write the
            settings of a device is trusted with it.

    Raises:
        RootRejected: what the settings name is no root.
    """

    def __init__(self, begin: bytes, folder: Path, disk: Disk, fetch: Fetch) -> None:
        self._began = hashlib.sha256(begin).hexdigest()
        self._file = folder / "root.json"
        self._folder = folder
        self._disk = disk
        self._fetch = fetch
        self._current = CurrentFile(folder, disk)
        self._root = first_root(begin)
        self._read = False

    @property
    def root(self) -> ReleaseRoot:
        """The newest one that is known."""
        if not self._read:
            self._root = self._kept() or self._root
            self._read = True
        return self._root

    @property
    def epoch(self) -> int:
        return self.root.epoch

    @property
    def root_version(self) -> int:
        return self.root.version

    def renew(self, url: str, now_us: int) -> None:
        base = url.rpartition("/")[0]
        self._renew_root(base)
        if self.root.snapshots:
            try:
                self._current.renew(
                    self.root, lambda name: self._download(f"{base}/{name}"), _time(now_us)
                )
            except SnapshotRejected as error:
                raise PackageRejected(error.reason, str(error)) from error

    def _renew_root(self, base: str) -> None:
        for _ in range(MAX_ROTATIONS):
            data = self._download(f"{base}/{self.root.version + 1}.root.json")
            if data is None:
                return
            try:
                root = self.root.next(data)
            except RootRejected as error:
                raise PackageRejected("bad_root", str(error)) from error
            kept = _Kept(began=self._began, root=data.decode())
            self._disk.make_folder(self._folder)
            self._disk.replace(self._file, kept.model_dump_json().encode())
            self._root = root
            log.info("packages are checked by root %d from now on", root.version)

    def open(self, package: SignedPackage, now_us: int, of: type[M]) -> M:
        root = self.root
        if root.expired(_time(now_us)):
            raise PackageRejected(
                "root_expired", f"root {root.version} has expired, and there is no newer one"
            )
        try:
            root.check_signatures(package)
        except NotSigned as error:
            raise PackageRejected(error.reason, str(error)) from error
        manifest = read_manifest(package.manifest.encode(), of)
        if manifest.epoch != root.epoch:
            raise PackageRejected(
                "wrong_epoch", f"the package is of epoch {manifest.epoch}, not of {root.epoch}"
            )
        if root.snapshots:
            self._require_current(package, manifest)
        return manifest

    def _require_current(
        self, package: SignedPackage, manifest: PackageManifest | AgentManifest
    ) -> None:
        """By what was last seen: it was fresh when the job was admitted."""
        current = self._current.read(self.root)
        if current is None:
            raise NotCurrentYet("stale", "it is not known which packages are current")
        about = manifest.release if isinstance(manifest, AgentManifest) else manifest.model
        kind = "agent" if isinstance(manifest, AgentManifest) else "model"
        try:
            current.require_current(kind, about.name, manifest.counter, package.manifest)
        except SnapshotRejected as error:
            if error.reason == "not_listed":
                raise NotCurrentYet(error.reason, str(error)) from error
            raise PackageRejected(error.reason, str(error)) from error

    def _kept(self) -> ReleaseRoot | None:
        data = self._disk.read(self._file)
        if data is None:
            return None
        try:
            kept = _Kept.model_validate_json(data)
            # It was verified before it was written here.
            return first_root(kept.root.encode()) if kept.began == self._began else None
        except (ValidationError, RootRejected):
            log.error("%s cannot be read: beginning with the root of the settings", self._file)
            return None

    def _download(self, url: str) -> bytes | None:
        """None: there is no such file."""
        data = b""
        try:
            with self._fetch(url, 0) as answer:
                for chunk in answer.chunks:
                    data += chunk
                    if len(data) > MAX_BYTES:
                        raise PackageRejected("bad_root", f"{url} is longer than it may be")
        except ServerRejected as error:
            if error.status in _GONE:
                return None
            raise OSError(f"{url}: {error}") from error
        return data


def _time(us: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(us / 1e6, datetime.timezone.utc)


def make_trust(
    keys: Mapping[str, bytes], root: bytes | None, folder: Path, disk: Disk, fetch: Fetch
) -> Trust:
    """By the root of the settings if there is one, else by their keys.

    Raises:
        RootRejected: it is no root.
    """
    return TrustedKeys(keys) if root is None else TrustedRoot(root, folder, disk, fetch)
