"""The disk of the data folder fills while files arrive."""

from __future__ import annotations

import contextlib
import subprocess
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.faults.conftest import NewSystem
from tests.faults.files import PROSE
from tests.faults.system import System

DISK_MB = 160
# The network that makes vectors takes seconds of every document, and has no part in a full disk.
QUICK_STAGES = '{"embed": {"engine": "classical"}}'
BEFORE = [f"before-{number}.txt" for number in range(3)]
DURING = [f"during-{number}.txt" for number in range(20)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that is easy to fill."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command to make a small disk with")
    if done.returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def content(name: str) -> bytes:
    return f"{name} tells of juniper.\n{PROSE}\n".encode() * 300


def drop(system: System, names: list[str]) -> None:
    for name in names:
        (system.inbox / name).write_bytes(content(name))


def fill(ballast: Path) -> None:
    """Take all the room there is left."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


def upload(system: System) -> int:
    request = Request(
        f"{system.url}/documents?name=late.txt",
        content("late"),
        system.authorization(),
        method="POST",
    )
    try:
        with urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.long
def test_nothing_is_lost_and_everything_goes_on_once_there_is_room(
    new_system: NewSystem, tmp_path: Path, small_disk: Path
) -> None:
    variables = {"LINEAL_DATA": str(small_disk / "data"), "LINEAL_STAGES": QUICK_STAGES}
    system = new_system(tmp_path / "system", variables=variables)
    system.data = small_disk / "data"
    ballast = small_disk / "ballast"
    system.start()
    drop(system, BEFORE)
    system.until_final(BEFORE)
    assert system.get("/readyz") == (200, {"status": "ready", "reasons": []})

    drop(system, DURING[:10])
    fill(ballast)
    drop(system, DURING[10:])
    system.until(lambda: "cannot be taken" in str(system.get("/readyz")), "the watch complains")

    status, answer = system.get("/readyz")
    assert status == 503
    assert any("the disk of the data folder is full" in reason for reason in answer["reasons"])
    assert system.get("/healthz") == (200, {"status": "alive"})
    assert upload(system) == 507
    assert system.get("/search?q=juniper")[0] == 200
    assert system.running

    ballast.unlink()
    system.until_final([*BEFORE, *DURING])
    system.until_settled()
    assert {document.status for document in system.documents()} == {"indexed"}
    assert {document.name for document in system.documents()} == {*BEFORE, *DURING}
    assert system.lineal("dead", "list", "--json").json == []
    system.until(lambda: system.get("/readyz")[0] == 200, "it is ready again")
    with system.connection() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert list((system.data / "objects" / "incoming").iterdir()) == []
    assert system.stop() == 0


def test_started_on_a_full_disk_it_says_so(
    new_system: NewSystem, tmp_path: Path, small_disk: Path
) -> None:
    system = new_system(tmp_path / "system", variables={"LINEAL_DATA": str(small_disk / "data")})
    fill(small_disk / "ballast")
    answer = system.lineal("up", "--port", "0")

    assert answer.code == 1
    assert "full" in answer.err
    assert "Traceback" not in answer.err
