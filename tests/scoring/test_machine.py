"""A machine is one file, checked with errors that say the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal.settings import Settings
from lineal_consumers.detect.config import DetectConfig, model_for
from lineal_consumers.drift.config import DriftConfig
from lineal_consumers.retrain.config import ReadingsModel, RetrainConfig
from lineal_scoring.machine import BadMachine, read_machine, read_machines

PUMP = """\
devices = ["pump-*"]
rate_hz = 2

[channels.pressure]
unit = "bar"
range = [0, 16]
column = "Druck"

[channels."shaft angle"]
kind = "angle"
drift = false

[channels.hours]
kind = "counter"

[windows]
length = 40
"""


def write(folder: Path, text: str = PUMP, name: str = "pump.toml") -> Path:
    file = folder / name
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(text)
    return file


def test_a_machine_has_the_files_name_and_scores_levels_and_angles(tmp_path: Path) -> None:
    machine = read_machine(write(tmp_path))
    assert machine.name == "pump"
    assert machine.scored == ("pressure", "shaft angle")
    assert machine.angles == ("shaft angle",)
    assert machine.columns == ("Druck", "shaft angle", "hours")
    assert machine.out_of_range("pressure", 17)
    assert not machine.out_of_range("hours", 1e9)


@pytest.mark.parametrize(
    ("before", "after", "line", "text"),
    [
        ('unit = "bar"', 'units = "bar"', 5, "there is no setting 'units'"),
        ("rate_hz = 2", "learn_from = 900", 2, "it belongs to [normal]"),
        ('kind = "angle"', 'kind = "angel"', 10, "'level', 'angle'"),
        ("range = [0, 16]", "range = [16, 0]", 4, "[lowest, highest]"),
        ("rate_hz = 2", "rate_hz = 0", 2, "greater than 0"),
        ("length = 40", "length = 40\nstep = 50", 16, "step is at most length"),
        ('devices = ["pump-*"]', "", 1, "devices is missing"),
        ("rate_hz = 2", "rate_hz = ", 2, ""),
        ("[windows]", "[window]", 16, "'windows' is meant?"),
        ('unit = "bar"', 'units = "bar"', 5, "'unit' is meant?"),
        ("[channels.hours]", "[channel.hours]", 13, "'channels' is meant?"),
        ("[channels.hours]", "[[channels.hours]]", 13, "begins with [channels.hours]"),
        ("[channels.hours]", '[channels.hours]\ncolumn = "Druck"', 14, "two channels are read"),
        ("range = [0, 16]", "range = [0]", 6, "two numbers"),
        ('devices = ["pump-*"]', 'devices = "pump-*"', 1, "it is a list"),
        ('devices = ["pump-*"]', "devices = []", 1, "at least one name"),
    ],
)
def test_an_error_says_the_line(
    tmp_path: Path, before: str, after: str, line: int, text: str
) -> None:
    with pytest.raises(BadMachine) as refused:
        read_machine(write(tmp_path, PUMP.replace(before, after)))
    said = str(refused.value)
    assert f"pump.toml:{line}:" in said or f"line {line}" in said, said
    assert text in said


def test_all_errors_of_a_file_are_said_at_once(tmp_path: Path) -> None:
    text = PUMP.replace('unit = "bar"', 'units = "bar"').replace("length = 40", "length = 1")
    with pytest.raises(BadMachine) as refused:
        read_machine(write(tmp_path, text))
    lines = [int(line.split(":")[1]) for line in str(refused.value).splitlines()]
    assert lines == [5, 17], "from top to bottom"


def test_two_files_cannot_describe_one_machine(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, 'name = "pump"\n' + PUMP, "other.toml")
    with pytest.raises(BadMachine, match="already"):
        read_machines(tmp_path)
    assert read_machines(tmp_path / "nowhere") == ()


class TestSettings:
    @pytest.fixture(autouse=True)
    def in_a_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        write(tmp_path / "machines")

    def test_stages_use_the_machine_without_further_settings(self) -> None:
        stages = Settings().stages
        model = RetrainConfig(**stages["retrain"]).models["pump"]
        assert isinstance(model, ReadingsModel)
        assert model.features == ("pressure", "shaft angle")
        assert (model.length, model.baseline_span) == (40, 150)
        assert model_for(DetectConfig(**stages["detect"]), "pump-7") == "pump"
        assert model_for(DetectConfig(**stages["detect"]), "turbine-7") == "turbine"
        drift = DriftConfig(**stages["drift"])
        assert drift.excluded_of == {"pump-*": ("shaft angle",)}

    def test_what_is_set_in_lineal_toml_wins(self, tmp_path: Path) -> None:
        (tmp_path / "lineal.toml").write_text(
            "[stages.retrain.models.pump]\nkind = 'readings'\nlength = 77\n"
            "[stages.detect]\nmodels = { 'x*' = 'turbine' }\n"
        )
        stages = Settings().stages
        model = RetrainConfig(**stages["retrain"]).models["pump"]
        assert isinstance(model, ReadingsModel)
        assert (model.length, model.features) == (77, ("pressure", "shaft angle"))
        detect = DetectConfig(**stages["detect"])
        assert model_for(detect, "pump-7") == "pump"
        assert model_for(detect, "x1") == "turbine"
        assert model_for(detect, "other") is None

    def test_another_folder_can_be_named(self, tmp_path: Path) -> None:
        (tmp_path / "lineal.toml").write_text("[machines]\nfolder = 'nothing'\n")
        stages = Settings().stages
        assert "detect" not in stages and "pump" not in stages["retrain"]["models"]

    def test_models_that_are_always_there_stay(self) -> None:
        models = RetrainConfig.model_validate({"models": {"mine": {"kind": "readings"}}}).models
        assert set(models) == {"turbine", "documents", "mine"}
