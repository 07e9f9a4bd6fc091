"""One device: photos of a line through the whole agent, scored by a model that was learnt here."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from subprocess import Popen
from typing import Any

import cv2
import numpy as np

from benchmarks.edge_vibration import cpu_seconds
from benchmarks.made_photos import boards_model
from benchmarks.measurement import Benchmark, Result
from lineal_edge.update.disk import Disk
from lineal_edge.update.packages import Packages
from lineal_schemas.deployments import PackageManifest, SignedPackage
from lineal_schemas.models import ModelRef
from lineal_scoring.photo_model import INPUT, PhotoModel

_WARM_UP, _PHOTOS, _A_SECOND = 20, 100, 5
_WIDTH, _HEIGHT = 1024, 768
_SETTINGS = """
device = "cell-4"
data = "{folder}/data"
broker = {{ host = "127.0.0.1", port = 9 }}

[source]
kind = "camera"
line = "washers"
folder = "{folder}/dropped"
spool = "{folder}/spool"
quiet_seconds = 0
"""


def _drop(folder: Path, number: int) -> None:
    chance = np.random.default_rng(number)
    smooth: Any = cv2.resize(
        chance.integers(60, 200, (24, 32, 3), dtype=np.uint8), (_WIDTH, _HEIGHT),
        interpolation=cv2.INTER_CUBIC,
    )  # fmt: skip
    part = folder / f"{number}.part"
    part.write_bytes(cv2.imencode(".jpg", smooth)[1].tobytes())
    part.rename(folder / f"{number:05d}.jpg")


def _put_in_use(models: Path, data: bytes) -> None:
    """As a rollout leaves it that has been confirmed."""
    digest, now = sha256(data).hexdigest(), int(time.time() * 1e6)
    manifest = PackageManifest(
        model=ModelRef(name="photos", version=1, sha256=digest), bytes=len(data),
        input_schema=INPUT, threshold=PhotoModel(data).threshold, counter=1, created_us=now,
        expires_us=now + 10**12,
    )  # fmt: skip
    # who signed it is checked before it is installed
    signed = SignedPackage(manifest=manifest.model_dump_json(), key_id="-", signature="-")
    packages = Packages(models, Disk())
    packages.prepare()
    packages.part(digest).write_bytes(data)
    packages.install(signed, digest)
    packages.point("current", digest)


def _wait_for_none(spool: Path, dropped: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while any(dropped.iterdir()) or any(spool.iterdir()):
        if time.monotonic() > end:
            raise TimeoutError("photos are left on the device")
        time.sleep(0.02)


def _measure() -> Sequence[Result]:
    """Five photos a second are dropped; from the processor time of each follows how many one core
    could do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dropped, spool = folder / "dropped", folder / "spool"
        dropped.mkdir()
        spool.mkdir()
        settings = folder / "agent.toml"
        settings.write_text(_SETTINGS.format(folder=folder))
        _put_in_use(folder / "data" / "models", boards_model(folder))
        agent = Popen([sys.executable, "-m", "lineal_edge", "run", "--settings", str(settings)])
        try:
            for number in range(_WARM_UP):
                _drop(dropped, number)
            _wait_for_none(spool, dropped)
            used, begun = cpu_seconds(agent.pid), time.monotonic()
            for number in range(_PHOTOS):
                _drop(dropped, 1000 + number)
                time.sleep(max(0.0, begun + (number + 1) / _A_SECOND - time.monotonic()))
            _wait_for_none(spool, dropped)
            each = (cpu_seconds(agent.pid) - used) / _PHOTOS
        finally:
            agent.terminate()
            agent.wait()
    return [Result("edge.photos", 1 / each, "photos/s of a core", ">= 5 on the device")]


BENCHMARKS = (Benchmark(("edge.photos",), _measure),)
