"""Alert rules and the dashboard: valid, doing what they say, and of metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

import lineal.dependencies.metrics
import lineal.health
import lineal.stages.metrics
import lineal_producers.mqtt.metrics
import lineal_producers.serving.version
from lineal.stages.messaging_metrics import MessagingMetrics

FOLDER = Path(__file__).parents[2] / "infra" / "monitoring"
RULES = FOLDER / "lineal.rules.yml"
DASHBOARD = FOLDER / "grafana-dashboard.json"
MODULES = (
    lineal.dependencies.metrics,
    lineal.health,
    lineal.stages.metrics,
    lineal_producers.mqtt.metrics,
    lineal_producers.serving.version,
)
_METRIC = re.compile(r"\b(?:lineal|messaging)_[a-z_]+\b")
_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


@pytest.mark.parametrize("command", [["check", "rules", RULES.name],
                                     ["test", "rules", "lineal.rules.test.yml"]])  # fmt: skip
def test_promtool_accepts_the_rules(command: list[str]) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus): rules are unchecked")
    ended = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_metric_that_is_named_exists() -> None:
    families = [*REGISTRY.collect(), *MessagingMetrics("lineal").collect()]
    known = {
        family.name + suffix for family in families for suffix in _SUFFIXES.get(family.type, ("",))
    }
    named = {
        file.name: set(_METRIC.findall(re.sub(r"\$\d", "", file.read_text())))
        for file in (RULES, DASHBOARD)
    }
    assert all(named.values())
    missing = {file: metrics - known for file, metrics in named.items() if metrics - known}
    assert not missing


def test_the_dashboard_asks_valid_questions(tmp_path: Path) -> None:
    """Each as an expression of its own, which promtool parses with the intervals filled in."""
    dashboard = json.loads(DASHBOARD.read_text())
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identifiers)) == len(identifiers)
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus): queries unchecked")
    rules = [
        {"record": f"panel:{number}", "expr": target["expr"].replace("$__rate_interval", "5m")}
        for number, target in enumerate(targets)
    ]
    text = json.dumps({"groups": [{"name": "panels", "rules": rules}]})
    (tmp_path / "panels.yml").write_text(text)
    command = ["promtool", "check", "rules", str(tmp_path / "panels.yml")]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
