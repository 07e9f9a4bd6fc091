"""An artifact that is in use under a name: one version of it at a time, which others follow."""

from __future__ import annotations

from dataclasses import dataclass

from lineal.lineage.record import UsedArtifact


@dataclass(frozen=True, slots=True)
class ArtifactInUse:
    """An artifact that is in use under a name."""

    name: str
    counter: int
    """Its number among the changes of what is in use under this name, from 1."""
    version: int
    sha256: str
    bytes: int
    media_type: str

    @property
    def used(self) -> UsedArtifact:
        """As records have it."""
        return UsedArtifact(self.name, str(self.version), self.sha256)
