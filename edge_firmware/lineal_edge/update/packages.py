"""The device's packages: folders named by digest, and which one is active.

packages/SHA256/model.onnx, package.json    complete once it has this name
current  -> packages/SHA256                 what scores
previous -> packages/SHA256                 what scored before: kept until the next confirmed one
downloads/SHA256                            what is on its way
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from lineal_edge.update.disk import Disk
from lineal_schemas.deployments import PackageManifest, SignedPackage
from lineal_schemas.models import ModelRef

MODEL, PACKAGE = "model.onnx", "package.json"


class Installed(NamedTuple):
    """A package on the disk."""

    manifest: PackageManifest
    data: bytes

    @property
    def model(self) -> ModelRef:
        return self.manifest.model


class Packages:
    """The packages under one folder."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk
        self._packages = folder / "packages"
        self._downloads = folder / "downloads"

    def prepare(self) -> None:
        """Make the folders."""
        for folder in (self._folder, self._packages, self._downloads):
            self._disk.make_folder(folder)

    def part(self, sha256: str) -> Path:
        """Where a file is kept while it is downloaded."""
        return self._downloads / sha256

    def install(self, package: SignedPackage, sha256: str) -> None:
        """Make a package folder of a complete download."""
        if self.read(sha256) is not None:
            self._disk.remove(self.part(sha256))
            return
        folder, fresh = self._packages / sha256, self._packages / f".{sha256}"
        self._disk.remove(fresh)
        self._disk.remove(folder)
        self._disk.make_folder(fresh)
        self._disk.write(fresh / PACKAGE, package.model_dump_json().encode())
        self._disk.sync(fresh / PACKAGE)
        self._disk.rename(self.part(sha256), fresh / MODEL)
        self._disk.sync_folder(fresh)
        self._disk.rename(fresh, folder)
        self._disk.sync_folder(self._packages)
        self._disk.sync_folder(self._downloads)

    def read(self, sha256: str) -> Installed | None:
        """A package with its bytes checked; None if it is not there, or not as it should be.

        Who signed it was checked before it was installed.
        """
        folder = self._packages / sha256
        signed, data = self._disk.read(folder / PACKAGE), self._disk.read(folder / MODEL)
        if signed is None or data is None or hashlib.sha256(data).hexdigest() != sha256:
            return None
        try:
            package = SignedPackage.model_validate_json(signed)
            manifest = PackageManifest.model_validate_json(package.manifest)
        except ValidationError:
            return None
        return Installed(manifest, data) if manifest.model.sha256 == sha256 else None

    def model_file(self, sha256: str) -> Path:
        return self._packages / sha256 / MODEL

    @property
    def current(self) -> str | None:
        """Digest of what is in use."""
        return self._pointed("current")

    def current_model(self) -> ModelRef | None:
        """The model in use, if its package is as it should be."""
        current = self.current
        installed = None if current is None else self.read(current)
        return None if installed is None else installed.model

    @property
    def previous(self) -> str | None:
        """Digest of what was in use before."""
        return self._pointed("previous")

    def point(self, name: str, sha256: str | None) -> None:
        """Have ``current`` or ``previous`` point to a package, or to none."""
        if sha256 is None:
            self._disk.remove(self._folder / name)
            self._disk.sync_folder(self._folder)
        elif self._pointed(name) != sha256:
            self._disk.point(self._folder / name, f"packages/{sha256}")

    def prune(self, *keep: str | None) -> None:
        """Remove every package and download but these, ``current`` and ``previous``."""
        kept = {self.current, self.previous, *keep}
        for folder in (self._packages, self._downloads):
            for name in self._disk.names(folder):
                if name not in kept:
                    self._disk.remove(folder / name)

    def _pointed(self, name: str) -> str | None:
        target = self._disk.target(self._folder / name)
        return None if target is None else target.rpartition("/")[2]
