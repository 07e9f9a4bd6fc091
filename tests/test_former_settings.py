"""A setting that was renamed is still found under the name it had, and says the new one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lineal.settings import Settings
from lineal_consumers.deploy.config import DeployConfig
from lineal_consumers.drift.config import DriftConfig
from lineal_consumers.retrain.config import RetrainConfig
from lineal_producers.mqtt.settings import MqttSettings
from lineal_producers.retention_settings import RetentionSettings
from lineal_producers.sync.settings import SyncSettings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAL_RETRY__MOST_SECONDS", "7")
    monkeypatch.setenv("LINEAL_KAFKA__SLOT", "press-3")
    with pytest.warns(FutureWarning) as warned:
        settings = Settings()
    assert settings.runner().retry.max_seconds == 7
    assert settings.kafka.member_id == "press-3"
    assert {str(item.message) for item in warned} == {
        "the setting most_seconds is called max_seconds now",
        "the setting slot is called member_id now",
    }


def test_in_the_file(elsewhere: Path) -> None:
    (elsewhere / "lineal.toml").write_text("[mqtt]\nhole_sightings = 3\n")
    with pytest.warns(FutureWarning, match="gap_confirmations"):
        assert Settings().section(MqttSettings).gap_confirmations == 3


FORMER: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (DriftConfig, {"least_sample": 30, "left_out": ["a"]}, {"min_sample": 30, "excluded": ("a",)}),
    (DeployConfig, {"jobs_at_once": 3}, {"job_batch_size": 3}),
    (RetrainConfig, {"most_waits": 2}, {"max_waits": 2}),
]


@pytest.mark.parametrize(("config", "former", "present"), FORMER)
def test_in_the_section_of_a_stage(
    config: Any, former: dict[str, Any], present: dict[str, Any]
) -> None:
    with pytest.warns(FutureWarning):
        made = config.model_validate(former)
    assert made == config.model_validate(present)


def test_in_a_model_of_a_stage() -> None:
    with pytest.warns(FutureWarning, match="min_new_readings"):
        made = RetrainConfig.model_validate({"models": {"pump": {"least_new_readings": 5}}})
    assert made == RetrainConfig.model_validate({"models": {"pump": {"min_new_readings": 5}}})


def test_not_beside_the_present_one() -> None:
    with pytest.raises(ValidationError, match="set only min_sample"):
        DriftConfig.model_validate({"least_sample": 30, "min_sample": 40})


def test_the_former_word_for_a_promotion_by_a_person() -> None:
    with pytest.warns(FutureWarning, match="manual"):
        made = RetrainConfig.model_validate({"models": {"pump": {"promotion": "hand"}}})
    assert made == RetrainConfig.model_validate({"models": {"pump": {"promotion": "manual"}}})


def test_producers_that_have_a_section_of_their_own(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "lineal.toml").write_text(
        "[[producers.sync.sources]]\nurl = 'letters'\n[producers.mine]\nx = 1\n"
    )
    monkeypatch.setenv("LINEAL_PRODUCERS__RETENTION__DAYS__LETTER", "365")
    with pytest.warns(FutureWarning) as warned:
        settings = Settings()
    assert {str(item.message) for item in warned} == {
        "[producers.retention] is called [retention] now",
        "[producers.sync] is called [sync] now",
    }
    assert [source.url for source in settings.section(SyncSettings).sources] == ["letters"]
    assert settings.section(RetentionSettings).days == {"letter": 365}
    assert settings.producers == {"mine": {"x": 1}}
    (elsewhere / "lineal.toml").write_text("[[producers.imap.mailboxes]]\n[[imap.mailboxes]]\n")
    with pytest.raises(ValidationError, match=r"producers\.imap is the former name of imap"):
        Settings()
