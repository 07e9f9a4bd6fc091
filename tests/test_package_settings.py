"""A package brings its settings by entry point, as the package of docs/extend.md does."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from lineal.plugins import declared_plugins, plugins
from lineal.setting_names import setting_problems
from lineal.settings import Settings, all_settings, skipped_settings
from lineal.settings_sections import installed_settings
from lineal_producers.folder.settings import FolderSettings
from lineal_producers.mqtt.settings import MqttSettings
from lineal_producers.settings import ArrivalSettings

PAGE = (Path(__file__).parents[1] / "docs" / "extend.md").read_text()
_NAME = "orders_settings"
MODULE = re.search(r"```python\n(# orders_settings\.py.*?)```", PAGE, re.DOTALL)

Install = Callable[..., Any]


def forget() -> None:
    for cached in declared_plugins, plugins, installed_settings, all_settings:
        cached.cache_clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package whose one module has settings."""
    monkeypatch.chdir(tmp_path)
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    modules = set(sys.modules)

    def install(source: str, *names: str, package: str = _NAME) -> Any:
        (site / f"{package}.py").write_text(source)
        metadata = site / f"{package}-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        entries = "".join(f"{name} = {package}:OrderSettings\n" for name in names or ("orders",))
        (metadata / "entry_points.txt").write_text(f"[lineal.settings]\n{entries}")
        invalidate_caches()
        forget()

    yield install
    forget()
    for name in set(sys.modules) - modules:
        if name.endswith("_settings"):
            del sys.modules[name]


@pytest.fixture
def orders(install: Install) -> Any:
    """The package of the page; its model."""
    assert MODULE is not None
    assert 'orders = "orders_settings:OrderSettings"' in PAGE
    install(MODULE[1])
    return import_module(_NAME).OrderSettings


def test_from_file_and_environment(
    orders: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings().section(orders) == orders(currency="EUR", days_open=30)
    (tmp_path / "lineal.toml").write_text(
        'workers = 3\n[orders]\ncurrency = "CHF"\ndays_open = 7\n[mqtt]\nkeepalive = 9\n'
    )
    monkeypatch.setenv("LINEAL_ORDERS__DAYS_OPEN", "14")
    settings = Settings()
    assert settings.section(orders) == orders(currency="CHF", days_open=14)
    assert settings.section(MqttSettings).keepalive == 9
    assert settings.workers == 3


def test_every_setting_of_a_package_is_checked(
    orders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAL_ORDERS__DAYS_OPEN", "0")
    with pytest.raises(ValidationError, match=r"orders\.days_open"):
        Settings()


def test_settings_go_to_another_process_whole(orders: Any) -> None:
    settings = Settings(workers=2).with_section(orders(days_open=2))
    copy = pickle.loads(pickle.dumps(settings))
    assert copy == settings
    assert copy.section(orders).days_open == 2
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_other_settings_of_a_package(orders: Any) -> None:
    changed = (
        Settings().with_section(orders(days_open=3)).with_section(FolderSettings(inbox=Path("x")))
    )
    assert changed.section(orders).days_open == 3
    assert changed.section(FolderSettings).inbox == Path("x")
    assert changed.section(ArrivalSettings) == ArrivalSettings()


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"retention_second": 1}, "retention_second: .*did you mean retention_seconds?"),
        ({"inbx": "a"}, "did you mean inbox?"),
        ({"orders": {"curency": "CHF"}}, r"orders\.curency: .*did you mean orders\.currency?"),
        ({"mqtt": {"keep_alive": 9}}, r"did you mean mqtt\.keepalive?"),
        ({"quite_something_else": 1}, "quite_something_else: there is no such setting$"),
    ],
)
def test_the_nearest_name_is_said(orders: Any, given: dict[str, Any], refusal: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**given)
    assert re.search(refusal, setting_problems(refused.value, all_settings()))


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("LINEAL_RETENTION_SECOND", "LINEAL_RETENTION_SECONDS"),
        ("LINEAL_MQTT_URL", "LINEAL_MQTT__URL"),
        ("LINEAL_ORDERS_DAYS_OPEN", "LINEAL_ORDERS__DAYS_OPEN"),
        ("LINEAL_ORDER__CURRENCY", "LINEAL_ORDERS__CURRENCY"),
    ],
)
def test_a_misspelt_variable_is_refused(
    orders: Any, variable: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(SettingsError, match=f"{variable}: there is no .*{meant}\\?"):
        Settings()


@pytest.mark.parametrize("variable", ["LINEAL_KAFKA_SERVICE_HOST", "LINEAL_KAFKA_PORT_9092_TCP"])
def test_variables_of_others_are_left_alone(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes sets these for a service that is called lineal-kafka."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, "10.0.0.7")
    assert Settings() == Settings()


def test_a_spoilt_package_is_named_and_what_it_has_set_is_left_out(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("raise RuntimeError('spoilt')\n")
    (tmp_path / "lineal.toml").write_text('tenant = "b"\n[orders]\ndays_open = 7\n')
    monkeypatch.setenv("LINEAL_ORDERS__CURRENCY", "CHF")
    assert Settings().section(ArrivalSettings).tenant == "b"
    (left_out,) = skipped_settings()
    assert (left_out.name, left_out.reason) == ("orders", "RuntimeError: spoilt")


MODEL = "from pydantic import BaseModel\nclass OrderSettings(BaseModel):\n    days: int"
TOP = (
    "from lineal.settings_sections import TopLevelSettings\n"
    "class OrderSettings(TopLevelSettings):\n    {}: int = 1\n"
)


@pytest.mark.parametrize(
    ("source", "name", "reason"),
    [
        ("OrderSettings = 3\n", "orders", "it is not a pydantic model"),
        (f"{MODEL}\n", "orders", "not every setting has a default"),
        (f"{MODEL} = 1\n", "data", "there is a setting data already"),
        (f"{MODEL} = 1\n", "Our Orders", "no name of a section"),
        (TOP.format("workers"), "orders", "there is a setting workers already"),
    ],
)
def test_what_cannot_be_a_section_is_left_out(
    install: Install, source: str, name: str, reason: str
) -> None:
    install(source, name)
    assert Settings(workers=2).workers == 2
    (left_out,) = skipped_settings()
    assert reason in left_out.reason
