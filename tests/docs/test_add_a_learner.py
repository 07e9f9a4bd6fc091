"""The page that shows how to add a learner is run as it stands: a learner of another package goes
through the whole flywheel, and nothing of ours is changed."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from lineal.plugins import Plugins, plugins
from lineal.testing import StageHarness
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.stage import evaluate, promote, retrain, train
from lineal_learning.registry import ENTRY_POINTS, UnknownLearner, learner_of
from lineal_schemas.models import (
    DatasetItem,
    DatasetManifest,
    ModelDataset,
    ModelEvaluated,
    ModelExample,
    ModelPromoted,
    ModelTrainingRequested,
)

PAGE = (Path(__file__).parents[2] / "docs" / "add-a-learner.md").read_text()


def block(language: str, containing: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    [found] = [text for text in blocks if containing in text]
    return found


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RetrainConfig]:
    """The page's package is installed, and its settings are read."""
    (tmp_path / "apple_weights.py").write_text(block("python", "class WeightLearner"))
    monkeypatch.syspath_prepend(str(tmp_path))
    declared = tomllib.loads(block("toml", "entry-points"))["project"]["entry-points"]
    ((name, target),) = declared[ENTRY_POINTS].items()
    module, _, attribute = target.partition(":")
    learner = getattr(importlib.import_module(module), attribute)
    found = plugins(ENTRY_POINTS)
    more = Plugins({**found.loaded, name: learner}, found.skipped)
    monkeypatch.setattr("lineal_learning.registry.plugins", lambda group: more)
    settings = tomllib.loads(block("toml", "[stages.retrain.models.apples]"))
    yield RetrainConfig.model_validate(settings["stages"]["retrain"])
    sys.modules.pop(module)


class Scales:
    """The flywheel's stages with one model of weights."""

    def __init__(self, harness: StageHarness) -> None:
        self.harness = harness

    async def weigh(self, source: str, grams: float, **changes: Any) -> None:
        ref = await self.harness.put(f"{grams}".encode(), "text/plain")
        digest = sha256(source.encode()).hexdigest()
        item = DatasetItem(digest=digest, source=source, time_us=0, ref=ref)
        await self.harness.send(ModelExample(name="apples", item=item, **changes))

    async def learn(self) -> None:
        request = ModelTrainingRequested(name="apples", cause="manual", requested_us=1)
        for made in await self.harness.send(request):
            if isinstance(made, ModelPromoted):
                file = await self.harness.get(made.artifact)
                await self.harness.use_artifact(made.name, file, version=made.model.version)

    @property
    def version(self) -> int:
        return self.harness.artifacts["apples"].version

    async def manifest(self) -> DatasetManifest:
        dataset = self.harness.outputs(ModelDataset)[-1]
        return DatasetManifest.model_validate_json(await self.harness.get(dataset.manifest))


@pytest.fixture
async def scales(config: RetrainConfig) -> AsyncIterator[Scales]:
    async with StageHarness(retrain, train, evaluate, promote, config=config) as harness:
        yield Scales(harness)


async def test_examples_on_the_bus_become_a_model_in_use(scales: Scales) -> None:
    for number in range(20):
        await scales.weigh(f"a{number}", 100 + number % 5)
    await scales.learn()
    assert len((await scales.manifest()).test) == 4
    (evaluated,) = scales.harness.outputs(ModelEvaluated)
    assert [gate.name for gate in evaluated.gates] == ["error"]
    assert scales.version == 1


async def test_a_challenger_that_is_worse_than_the_champion_is_not_promoted(
    scales: Scales,
) -> None:
    for number in range(20):
        await scales.weigh(f"a{number}", 100)
    await scales.learn()
    for number in range(20):
        await scales.weigh(f"b{number}", 100 if number % 2 else 160)
    await scales.learn()
    second = scales.harness.outputs(ModelEvaluated)[-1]
    assert {gate.name for gate in second.gates if not gate.passed} >= {"error_of_champion"}
    assert scales.version == 1


async def test_nobody_learns_from_what_was_excluded(scales: Scales) -> None:
    for number in range(20):
        await scales.weigh(f"a{number}", 100)
    await scales.weigh("a3", 100, excluded="a defect")
    await scales.learn()
    quarantined = (await scales.manifest()).quarantined
    assert [(item.source, item.reason) for item in quarantined] == [("a3", "a defect")]


def test_an_unknown_kind_names_those_that_there_are(config: RetrainConfig) -> None:
    with pytest.raises(UnknownLearner, match=r"'pears'.*documents, .*readings, .*weights"):
        learner_of("pears")
    with pytest.raises(ValueError, match="pears"):
        RetrainConfig.model_validate({"models": {"x": {"kind": "pears"}}})
