"""Stages and packages that were written with former names work still, with a warning."""

from __future__ import annotations

import pytest

from lineal import Context, stage
from lineal.artifact_in_use import ArtifactInUse
from lineal.lineage.record import Model, UsedArtifact
from lineal.stages.artifacts_in_use import ArtifactsInUse
from lineal.store.connection import Connection
from lineal.testing import StageHarness
from lineal_schemas.payload import Payload


class Reading(Payload, type="former_names.reading", version=1):
    pump: str


class Scored(Payload, type="former_names.scored", version=1):
    pump: str
    by: int


def dictionaries(config: object) -> list[Model]:
    return [Model("words", "1", "0a" * 32)]


async def test_a_stage_with_former_names_uses_what_is_in_use() -> None:
    with pytest.warns(DeprecationWarning) as warned:

        @stage(
            "score",
            version="1",
            produces=Scored,
            models=dictionaries,  # type: ignore[call-arg]
            trained=lambda config: ["pump"],
        )
        async def score(reading: Reading, ctx: Context) -> Scored:
            model = await ctx.model("pump")
            assert model is not None
            return Scored(pump=reading.pump, by=model.version)

    assert [str(item.message).partition(": ")[2] for item in warned] == [
        "models= is artifacts= now",
        "trained= is in_use= now",
    ]
    async with StageHarness(score) as harness:
        with pytest.warns(DeprecationWarning, match="use_model is use_artifact now"):
            first = await harness.use_model("pump", b"one", version=1)
        with pytest.warns(DeprecationWarning, match=r"ctx\.model is ctx\.artifact now"):
            await harness.send(Reading(pump="p1"))
        second = await harness.use_artifact("pump", b"two", version=2)
        with pytest.warns(DeprecationWarning):
            await harness.send(Reading(pump="p1"))
        assert [scored.by for scored in harness.outputs(Scored)] == [1, 2]
        builds = [record.build for record in harness.records]
    words = UsedArtifact("words", "1", "0a" * 32)
    assert [build and build.artifacts for build in builds] == [
        (words, first.used),
        (words, second.used),
    ]


def test_an_option_is_given_under_one_of_its_names() -> None:
    with pytest.raises(TypeError, match="trained= is the former name of in_use="):
        stage("score", version="1", in_use=lambda config: [], trained=lambda config: [])  # type: ignore[call-arg]


async def test_the_first_source_that_knows_a_name_answers() -> None:
    def pumps(connection: Connection, name: str) -> ArtifactInUse | None:
        return ArtifactInUse(name, 1, 1, "0a" * 32, 3, "text/plain") if name == "pump" else None

    def everything(connection: Connection, name: str) -> ArtifactInUse | None:
        return ArtifactInUse(name, 1, 7, "0b" * 32, 3, "text/plain")

    async with StageHarness() as harness:
        artifacts = ArtifactsInUse(harness.runtime.store, [pumps, everything])
        found = [await artifacts.in_use(name) for name in ("pump", "valve")]
    assert [item and item.version for item in found] == [1, 7]
