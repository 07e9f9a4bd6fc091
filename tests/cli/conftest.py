"""A data folder with a few documents in it, made by the real runtime, and the command line."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from lineal import admission
from lineal.daemon import Daemon
from lineal.events import known_types
from lineal.lineage import projections
from lineal.lineage.projections import projected
from lineal.plugins import accepted_plugins, declared_plugins, plugins
from lineal.runtime import Runtime, open_runtime
from lineal.settings import RetrySettings, Settings, all_settings
from lineal.settings_sections import installed_settings
from lineal.stages import discovery
from lineal.store.objects import reference
from lineal_cli.main import app
from lineal_consumers.index.stage import index
from lineal_consumers.register.stage import register
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.envelope import first_event
from lineal_schemas.ids import arrival_id, document_id
from tests.lineal_process import run_lineal

FILES = {
    "letter.txt": b"Dear wind farm owner,\na turbine has stopped.\x0cSecond page about gearboxes.",
    "note.txt": b"A short note about bearings",
    "refused.txt": b"REFUSED",
    "broken.txt": b"BROKEN",
}


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)

    @property
    def text(self) -> str:
        return self.out.decode()


Lineal = Callable[..., Answer]


def id_of(name: str) -> str:
    """The id of one of :data:`FILES`."""
    return document_id("default", sha256(FILES[name]).hexdigest())


def install_reading_stage(folder: Path, version: str = "1") -> None:
    """Install the test's stage in a folder that can be put on the path."""
    source = Path(__file__).with_name("reading_stage.py").read_text()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reading_stage.py").write_text(
        source.replace('VERSION = "1"', f'VERSION = "{version}"')
    )
    information = folder / "reading_stage-1.dist-info"
    information.mkdir(exist_ok=True)
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: reading-stage\nVersion: 1\n"
    )
    (information / "entry_points.txt").write_text(
        "[lineal.stages]\nreading = reading_stage:reading\n"
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the test's stage installed in it."""
    folder = tmp_path_factory.mktemp("site")
    install_reading_stage(folder)
    return folder


@pytest.fixture(scope="session")
def filled(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder in which :data:`FILES` were handled; not to be changed."""
    folder = tmp_path_factory.mktemp("filled") / "data"
    sys.path.insert(0, str(site))
    invalidate_caches()
    try:
        stage = import_module("reading_stage").reading
        asyncio.run(_fill(folder, [register, stage, index]))
    finally:
        sys.path.remove(str(site))
    yield folder


async def _fill(folder: Path, stages: list[object]) -> None:
    settings = Settings(
        data=folder, durability="normal", workers=1, retry=RetrySettings(attempts=1)
    )
    async with open_runtime(settings) as runtime:
        daemon = Daemon(runtime, stages)  # type: ignore[arg-type]
        await daemon.start()
        for name, content in FILES.items():
            await arrive(runtime, name, content, owner="ada", labels={"year": name[:1]})
        await arrive(runtime, "letter again.txt", FILES["letter.txt"], owner="bert")
        while await _lag(runtime):
            await asyncio.sleep(0.02)
        await daemon.stop()


async def _lag(runtime: Runtime) -> int:
    return sum(group.lag for topic in await runtime.bus.topics() for group in topic.groups)


async def arrive(
    runtime: Runtime,
    name: str,
    content: bytes,
    owner: str | None = None,
    labels: dict[str, str] | None = None,
) -> None:
    """Publish the arrival of a file, as a producer does."""
    stored = await runtime.objects.put_file(io.BytesIO(content))
    ref = reference(stored.sha256, stored.bytes, "text/plain")
    source = f"file:///inbox/{name}"
    payload = DocumentArrived(
        name=name, source=source, owner=owner, labels=labels or {}, content=ref
    )
    event = first_event(payload, id=arrival_id(source, stored.sha256, "1"), source="test:producer")
    await runtime.bus.publish([(payload.type, event)])


@pytest.fixture
def data(filled: Path, tmp_path: Path) -> Path:
    """A copy of the filled data folder, to be changed freely."""
    folder = tmp_path / "data"
    shutil.copytree(filled, folder)
    return folder


@pytest.fixture
def environment(site: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a command: no settings but the test's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LINEAL_")}
    return {**kept, "PYTHONPATH": str(site), "TERM": "dumb", "LINEAL_WORKERS": "1"}


@pytest.fixture
def working(tmp_path: Path) -> Path:
    """An empty working folder."""
    folder = tmp_path / "working"
    folder.mkdir()
    return folder


@pytest.fixture
def lineal(working: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lineal]:
    """Run a command in this process."""
    monkeypatch.chdir(working)
    monkeypatch.syspath_prepend(site)
    # What is installed is found out once in a process, and others may have asked.
    _forget_plugins()
    for name in os.environ:
        if name.startswith("LINEAL_"):
            monkeypatch.delenv(name)

    def run(*arguments: str | Path, stdin: bytes = b"", **variables: str) -> Answer:
        done = CliRunner().invoke(
            app,
            [*map(str, arguments)],
            input=stdin,
            env={"LINEAL_DURABILITY": "normal", **variables},
            prog_name="lineal",
        )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Answer(done.exit_code, done.stdout_bytes, done.stderr)

    yield run
    _forget_plugins()


def _forget_plugins() -> None:
    for cached in (
        declared_plugins, plugins, accepted_plugins, discovery._discovered, known_types,
        projections._found, projected, admission._makers, installed_settings, all_settings,
    ):  # fmt: skip
        cached.cache_clear()


@pytest.fixture
def process(working: Path, environment: dict[str, str]) -> Lineal:
    """Run a command as a process of its own."""

    def run(*arguments: str | Path, stdin: bytes = b"", **variables: str) -> Answer:
        done = run_lineal(
            list(map(str, arguments)),
            input=stdin,
            cwd=working,
            env={**environment, **variables},
            timeout=60,
        )
        return Answer(done.returncode, done.stdout, done.stderr.decode())

    return run
