"""lineal alone: without the libraries of its extras it starts, and says what it leaves out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import orjson
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGES = (
    ".",
    "schemas",
    "catalog",
    "learning",
    "producers",
    "consumers",
    "cli",
    "console",
)

EVENTS = """
from lineal_schemas.payload import Payload


class OrderPlaced(Payload, type="order.placed", version=1):
    order: str

    def correlation_key(self) -> str:
        return f"order:{self.order}"


class OrderChecked(Payload, type="order.checked", version=1):
    order: str
"""
STAGE = """
from lineal import stage
from orders_events import OrderChecked, OrderPlaced


@stage("check_order", version="1", produces=OrderChecked)
async def check_order(placed: OrderPlaced) -> OrderChecked:
    return OrderChecked(order=placed.order)
"""
ENTRY_POINTS = """
[lineal.events]
orders = orders_events

[lineal.stages]
check_order = orders_stage:check_order
spoilt = orders_spoilt:stage
"""


def closure(names: list[str]) -> dict[str, Distribution]:
    """Distributions and what they need, without extras that nobody asks for."""
    found: dict[str, Distribution] = {}
    queue = [Requirement(name) for name in names]
    while queue:
        wanted = queue.pop()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            dist = distribution(wanted.name)
        except PackageNotFoundError:
            continue
        if dist.name not in found:
            found[dist.name] = dist
            queue += [Requirement(line) for line in dist.requires or ()]
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with lineal, what it needs, and somebody's package of orders."""
    site = tmp_path_factory.mktemp("site")
    for dist in closure(["lineal"]).values():
        for file in dist.files or ():
            top = file.parts[0]
            source = Path(str(dist.locate_file(top)))
            if top in ("..", "__pycache__") or top.endswith(".pth") or not source.exists():
                continue
            if not (site / top).exists():
                (site / top).symlink_to(source)
    (site / "orders_events.py").write_text(EVENTS)
    (site / "orders_stage.py").write_text(STAGE)
    (site / "orders_spoilt.py").write_text("raise RuntimeError('spoilt')\n")
    metadata = site / "orders-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: orders\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    return site


def environment(site: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LINEAL_")}
    path = os.pathsep.join([str(site), *(str(ROOT / folder) for folder in PACKAGES)])
    return kept | {"PYTHONPATH": path, "LINEAL_WORKERS": "1", "LINEAL_DURABILITY": "normal"}


def run(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-m", "lineal_cli.main", *arguments],
        cwd=folder, env=environment(site), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@contextmanager
def up(site: Path, folder: Path) -> Iterator[None]:
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-S", "-m", "lineal_cli.main", "up", "--port", "0", "--json"],
            cwd=folder, env=environment(site), stdout=subprocess.PIPE, stderr=log,
        ) as process,
    ):  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, (folder / "log").read_text()
            yield
        finally:
            process.terminate()
            process.wait(60)


def test_what_is_simulated_is_light(site: Path) -> None:
    heavy = {"numpy", "cv2", "PIL", "pikepdf", "tesserocr", "onnxruntime", "sklearn", "scipy"}
    assert {path.name for path in site.iterdir()} & heavy == set()


def test_up_runs_what_is_there_and_names_what_is_left_out(site: Path, tmp_path: Path) -> None:
    with up(site, tmp_path):
        (tmp_path / "order.json").write_text('{"order": "x-1"}')
        emitted = run(site, tmp_path, "emit", "order.placed", "order.json")
        assert emitted.returncode == 0, emitted.stderr
        until = time.monotonic() + 180
        while "check_order" not in (found := run(site, tmp_path, "lineage", "order:x-1")).stdout:
            assert time.monotonic() < until, found.stderr + (tmp_path / "log").read_text()
    log = (tmp_path / "log").read_text()
    assert re.search(r"plugin=classify\b|\"plugin\": ?\"classify\"", log)
    assert "lineal[documents]" in log
    assert "RuntimeError: spoilt" in log


def test_the_doctor_names_them_too(site: Path, tmp_path: Path) -> None:
    checks = orjson.loads(run(site, tmp_path, "doctor", "--json").stdout)
    found = {(check["state"], check["found"]) for check in checks if check["name"] == "plug-in"}
    assert ("warning", "left out: ocr (lineal.stages)") in found
    assert any(state == "broken" and "spoilt" in text for state, text in found)


def test_types_of_ones_own_are_published_and_checked(site: Path, tmp_path: Path) -> None:
    run(site, tmp_path, "schema", "export", "--package", "orders_events", "--out", "schemas")
    written = {file.name for file in (tmp_path / "schemas").iterdir()}
    assert "order.placed.v1.json" in written
    assert {name.partition(".")[0] for name in written} == {"order"}, "lineal's own are its own"
    assert '"order.checked"' in run(site, tmp_path, "schema", "asyncapi", "--out", "-").stdout
    check = ("schema", "check", "--package", "orders_events", "--schemas", "schemas")
    assert run(site, tmp_path, *check).returncode == 0
    (tmp_path / "schemas" / "order.gone.v1.json").write_text("{}")
    assert run(site, tmp_path, *check).returncode == 1
