"""The page on machines of one's own is followed as it stands: from a CSV file to an anomaly."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lineal.settings import Settings
from lineal.testing import StageHarness
from lineal_cli import machine as command
from lineal_consumers.detect.config import DetectConfig
from lineal_consumers.detect.stage import detect
from lineal_consumers.retrain.collecting import collect
from lineal_consumers.retrain.config import CollectConfig, RetrainConfig
from lineal_consumers.retrain.stage import evaluate, promote, retrain, train
from lineal_edge.parts import make_source
from lineal_edge.settings import read_settings
from lineal_edge.sources.source import PositionedSource
from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened
from lineal_schemas.models import ModelDataset, ModelPromoted, ModelTrainingRequested
from lineal_scoring.machine import Machine, read_machine
from tests.consumers.sensors import batches

PAGE = (Path(__file__).parents[2] / "docs" / "your-own-machine.md").read_text()
FAULT = slice(2600, 2750)


def block(language: str, containing: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    [found] = [text for text in blocks if containing in text]
    return found


def readings(rows: int = 3200) -> np.ndarray:
    """Pressure, flow, hours; something clogs the pump for a while."""
    random = np.random.default_rng(5)
    flow = 20 + 0.3 * np.sin(np.arange(rows) / 50) + 0.2 * random.standard_normal(rows)
    pressure = 6 + 0.05 * (flow - 20) + 0.03 * random.standard_normal(rows)
    flow[FAULT] -= 6
    return np.stack([pressure, flow, 1000 + np.arange(rows) / 3600], axis=1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the machine's file of the page, and readings as a German logger writes them."""
    monkeypatch.chdir(tmp_path)
    lines = ["Zeit;Druck;flow;hours"]
    for second, row in enumerate(readings()):
        cells = ";".join(f"{value:.4f}".replace(".", ",") for value in row)
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        lines.append(f"2026-03-09 {clock};{cells}")
    (tmp_path / "pump.csv").write_text("\n".join(lines), encoding="utf-16")
    (tmp_path / "machines").mkdir()
    (tmp_path / "machines" / "pump.toml").write_text(block("toml", "column"))
    return tmp_path


def test_the_proposal_says_what_it_left_out_and_can_be_used(folder: Path) -> None:
    (folder / "machines" / "pump.toml").unlink()
    runner = CliRunner()
    made = runner.invoke(command.app, ["new", "pump.csv", "--devices", "pump-*"])
    assert made.exit_code == 0, made.output
    assert "left out Zeit: it is a time" in made.output
    machine = read_machine(folder / "machines" / "pump.toml")
    assert machine.devices == ("pump-*",)
    assert machine.rate_hz == 1
    kinds = {name: channel.kind for name, channel in machine.channels.items()}
    assert kinds == {"Druck": "level", "flow": "level", "hours": "counter"}
    checked = runner.invoke(command.app, ["check"])
    assert "pump, 2 of 3 scored" in checked.output
    again = runner.invoke(command.app, ["new", "pump.csv"])
    assert again.exit_code == 1
    assert "left alone" in str(again.exception)
    assert "pump-*" in runner.invoke(command.app, ["list"]).output


def test_the_agent_reads_the_machines_channels(folder: Path) -> None:
    (folder / "agent.toml").write_text(block("toml", 'kind = "replay"'))
    source = make_source(read_settings(folder / "agent.toml"))
    assert source.features == ("pressure", "flow", "hours")
    assert not isinstance(source, PositionedSource)
    first = next(iter(source.readings()))
    assert first == pytest.approx(readings()[0], abs=1e-3)
    source.close()


def test_every_setting_of_a_machine_is_on_the_page() -> None:
    text = PAGE.partition("| setting |")[2]
    for model in (Machine, *(field.annotation for field in Machine.model_fields.values())):
        for name in getattr(model, "model_fields", {}):
            assert f"{name}`" in text or f"[{name}" in text, name


async def test_a_model_is_learnt_and_a_fault_is_one_anomaly_that_ends(folder: Path) -> None:
    stages = Settings().stages
    configs = [
        CollectConfig(block_batches=8),
        RetrainConfig(**stages["retrain"]),
        DetectConfig(**stages["detect"]),
    ]
    values = readings()
    features = ("pressure", "flow", "hours")
    async with StageHarness(
        collect, retrain, train, evaluate, promote, detect, config=configs
    ) as harness:

        async def send(begin: int, end: int) -> None:
            for batch in batches(
                values[begin:end], device="pump-1", first_seq=begin + 1, features=features
            ):
                await harness.send(batch)

        await send(0, 2560)
        made = await harness.send(
            ModelTrainingRequested(name="pump", cause="manual", requested_us=1)
        )
        [promoted] = [event for event in made if isinstance(event, ModelPromoted)]
        await harness.use_artifact(
            "pump",
            await harness.get(promoted.artifact),
            version=promoted.model.version,
            media_type=promoted.artifact.media_type,
        )
        await send(2560, len(values))
        opened = harness.outputs(AnomalyOpened)
        closed = harness.outputs(AnomalyClosed)
    [first] = [event for event in opened if FAULT.start <= event.last_seq <= FAULT.stop + 20][:1]
    assert first.contributions[0].feature == "flow"
    ended = [event.last_seq for event in closed if event.anomaly_id == first.anomaly_id]
    assert FAULT.stop <= ended[0] <= FAULT.stop + 60


async def test_the_first_models_are_learnt_without_anybody_asking(folder: Path) -> None:
    stages = Settings().stages
    configs = [CollectConfig(block_batches=8), RetrainConfig(**stages["retrain"])]
    values = np.tile(readings()[: FAULT.start], (5, 1))
    made: dict[int, int] = {}
    async with StageHarness(collect, retrain, train, evaluate, promote, config=configs) as harness:
        for number, batch in enumerate(
            batches(values, device="pump-1", features=("pressure", "flow", "hours"))
        ):
            await harness.send(batch)
            await harness.clock.advance(1)
            versions = [event.model.version for event in harness.outputs(ModelPromoted)]
            if versions:
                made.setdefault(versions[-1], 20 * number)
    # as soon as there are the readings of `learn_from`, and two more times; a later model that is
    # worse is not used
    assert 2000 <= min(made.values()) < 2600
    assert max(made) <= 3
    datasets = harness.outputs(ModelDataset)
    assert [one.case for one in datasets] == ["both"] * 3
    sizes = [one.train_items + one.test_items for one in datasets]
    assert [round(20 * size / 2000) for size in sizes] == [1, 2, 3]


async def test_where_no_model_is_good_enough_more_are_made_of_more_readings(folder: Path) -> None:
    stages = Settings().stages
    stages["retrain"]["models"]["pump"] |= {"min_sensitivity": 1.0, "min_new_readings": 400}
    configs = [CollectConfig(block_batches=8), RetrainConfig(**stages["retrain"])]
    values = readings()[: FAULT.start]
    async with StageHarness(collect, retrain, train, evaluate, promote, config=configs) as harness:
        for batch in batches(values, device="pump-1", features=("pressure", "flow", "hours")):
            await harness.send(batch)
            await harness.clock.advance(1)
        assert not harness.outputs(ModelPromoted)
        assert len(harness.outputs(ModelDataset)) > 4
