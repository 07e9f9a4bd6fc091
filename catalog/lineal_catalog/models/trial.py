"""Versions of models that are tried as if they were in use."""

from __future__ import annotations

from collections.abc import Iterable

from lineal.artifact_in_use import ArtifactInUse
from lineal.stages.artifacts_in_use import ArtifactSource, installed_artifact_sources
from lineal.store.connection import Connection
from lineal_catalog.models.queries import as_in_use, find_model


def trial_sources(
    connection: Connection, models: Iterable[tuple[str, int]]
) -> list[ArtifactSource]:
    """What answers which artifacts are in use, with these versions in place of those that are.

    Args:
        models: names and versions.

    Raises:
        UnknownModel: there is no such version.
    """
    chosen = {name: as_in_use(find_model(connection, name, version)) for name, version in models}

    def tried(connection: Connection, name: str) -> ArtifactInUse | None:
        return chosen.get(name)

    return [tried, *installed_artifact_sources()]
