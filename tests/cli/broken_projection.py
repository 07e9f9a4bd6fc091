"""A projection of a package that cannot apply some steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lineal.lineage.projections import installed_projections
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection


def leaves_out_registered(patched: pytest.MonkeyPatch) -> str:
    """Have the projection of documents leave out what the stage ``register`` did; returns its
    name."""

    def registry(connection: Connection, steps: Sequence[RecordedStep]) -> None:
        if any(step.build and step.build.stage == "register" for step in steps):
            raise KeyError("name")
        sound(connection, steps)

    found = installed_projections()
    [mended] = [one for one in found if any(table.name == "registry" for table in one.tables)]
    assert mended.apply is not None
    sound = mended.apply
    broken = tuple(replace(one, apply=registry) if one is mended else one for one in found)
    patched.setattr("lineal.lineage.projections._found", lambda: (broken, ()))
    return mended.name
