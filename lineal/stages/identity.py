"""The step id (the memo's key) and the build that handles an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from lineal.artifact_in_use import ArtifactInUse
from lineal.lineage.record import Build, build_prefix, fan_in_step_id


class Identity(NamedTuple):
    """A build, and the artifacts that were in use when a step began."""

    build: Build
    prefix: bytes
    """What the ids of its steps begin with."""
    in_use: Mapping[str, ArtifactInUse | None]

    def step_id(self, digest: bytes) -> bytes:
        """The id of the work done on data with this SHA-256."""
        return sha256(self.prefix + digest).digest()

    def group_step_id(self, digests: Sequence[bytes]) -> bytes:
        """The id of the work done on all parts of a fan-in group, in their order."""
        return fan_in_step_id(map(self.step_id, digests))


def identity_of(build: Build, in_use: Mapping[str, ArtifactInUse | None]) -> Identity:
    """The identity of a build."""
    return Identity(build, build_prefix(build), in_use)
