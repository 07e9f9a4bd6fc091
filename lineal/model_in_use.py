"""A trained model that is in use under a name."""

from __future__ import annotations

from dataclasses import dataclass

from lineal.lineage.record import Model


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """A trained model that is in use under a name."""

    name: str
    counter: int
    """Its number among the changes of the model in use under this name, from 1."""
    version: int
    sha256: str
    bytes: int
    media_type: str

    @property
    def model(self) -> Model:
        """As records have it."""
        return Model(self.name, str(self.version), self.sha256)
