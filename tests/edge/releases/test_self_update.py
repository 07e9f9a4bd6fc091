"""The agent replaces itself: real releases, real environments, a real supervisor, real kills."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lineal_edge.releases.supervisor import MAX_BOOTS
from lineal_local.mosquitto import Mosquitto
from lineal_schemas.deployments import JobState
from tests.edge.listener import Listener
from tests.edge.releases.supervised_device import (
    SupervisedDevice,
    give,
    job_of,
    reports,
    states,
    versions,
)
from tests.edge.releases.wheel_sets import build_release
from tests.edge.update.server import Behaviour, serving
from tests.services.missing import skipped_when_unavailable

WAY = ["IN_PROGRESS", "DOWNLOADED", "VERIFIED", "ACTIVE_UNCONFIRMED", "SUCCEEDED"]
BACK = ["IN_PROGRESS", "DOWNLOADED", "VERIFIED", "ACTIVE_UNCONFIRMED", "ROLLED_BACK"]

CRASHES = ("cli.py", "def _run(chosen: argparse.Namespace) -> int:\n", """\
def _run(chosen: argparse.Namespace) -> int:
    raise SystemExit(3)
""")  # fmt: skip
REACHES_NOBODY = ("publisher.py", "    def connected(self) -> bool:\n", """\
    def connected(self) -> bool:
        return False

    def _connected(self) -> bool:
""")  # fmt: skip
HANGS = ("cli.py", "def _run(chosen: argparse.Namespace) -> int:\n", """\
def _run(chosen: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()
""")  # fmt: skip
IS_BROKEN = ("settings.py", "import base64\n", "import nothing_of_this_name\n")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build_release(tmp_path_factory.mktemp("good"), "0.1.1")


@pytest.fixture
def listener() -> Iterator[Listener]:
    with (
        skipped_when_unavailable(),
        Mosquitto(settings=["max_inflight_messages 100"]) as broker,
        Listener(broker.port) as heard,
    ):
        yield heard


def test_a_release_takes_over_and_what_was_measured_stays(
    tmp_path: Path, listener: Listener, good: bytes
) -> None:
    with serving(Behaviour(good)) as url, SupervisedDevice(tmp_path, listener.port) as device:
        job = job_of(good, "0.1.1", url)
        give(listener, job)
        device.until(lambda: states(listener, job)[-1:] == ["SUCCEEDED"])
        assert states(listener, job) == WAY
        assert versions(listener)[0] == "0.1.0"
        assert versions(listener)[-1] == "0.1.1"
        last = reports(listener, job)[-1]
        assert last.active == last.model
        device.kill()
        device.start()
        listener.wait(lambda: versions(listener).count("0.1.1") >= 2)
        confirmed = device.state.confirmed
        assert confirmed is not None
        assert (confirmed.version, confirmed.slot, device.state.trial) == ("0.1.1", "a", None)
        assert device.stop() == 0
    assert listener.holes == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (CRASHES, f"not confirmed after {MAX_BOOTS} starts"),
        pytest.param(REACHES_NOBODY, "not reach the broker", marks=pytest.mark.long),
    ],
    ids=["crashes", "reaches nobody"],
)
def test_a_release_that_never_comes_healthy_is_gone_back_from_and_not_tried_again(
    tmp_path: Path, listener: Listener, change: tuple[str, str, str], reason: str
) -> None:
    bad = build_release(tmp_path, "0.1.2", change)
    short: dict[str, Any] = {"timeouts": {"soak": 3, "verify": 60}}
    with serving(Behaviour(bad)) as url, SupervisedDevice(tmp_path, listener.port) as device:
        job = job_of(bad, "0.1.2", url, **short)
        give(listener, job)
        device.until(lambda: states(listener, job)[-1:] == ["ROLLED_BACK"])
        assert reason in reports(listener, job)[-1].details["text"]
        listener.wait(lambda: versions(listener)[-1] == "0.1.0")
        again = job_of(bad, "0.1.2", url, 2)
        give(listener, again)
        device.until(lambda: states(listener, again) == ["FAILED"])
        assert reports(listener, again)[-1].reason == "rejected_before"


STEPS: tuple[JobState, ...] = ("IN_PROGRESS", "DOWNLOADED", "VERIFIED", "ACTIVE_UNCONFIRMED")


@pytest.mark.long
def test_power_cuts_at_every_step_leave_an_agent_that_finishes_the_job(
    tmp_path: Path, listener: Listener, good: bytes
) -> None:
    with serving(Behaviour(good)) as url, SupervisedDevice(tmp_path, listener.port) as device:
        job = job_of(good, "0.1.1", url, soak_readings=300)
        give(listener, job)
        for state in STEPS:
            device.until_job_is_at(state)
            device.kill()
            device.start()
        device.until(lambda: states(listener, job)[-1:] == ["SUCCEEDED"])
        listener.wait(lambda: versions(listener)[-1] == "0.1.1")
        trial = device.state.trial
        assert trial is None
    assert listener.holes == []


def test_a_release_that_cannot_be_started_is_never_on_trial(
    tmp_path: Path, listener: Listener
) -> None:
    bad = build_release(tmp_path, "0.1.3", IS_BROKEN)
    with serving(Behaviour(bad)) as url, SupervisedDevice(tmp_path, listener.port) as device:
        job = job_of(bad, "0.1.3", url)
        give(listener, job)
        device.until(lambda: states(listener, job)[-1:] == ["FAILED"])
        assert reports(listener, job)[-1].reason == "does_not_start"
        assert "nothing_of_this_name" in reports(listener, job)[-1].details["text"]
        assert set(versions(listener)) == {"0.1.0"}


def test_an_agent_that_nobody_supervises_says_so(
    tmp_path: Path, listener: Listener, good: bytes
) -> None:
    device = SupervisedDevice(tmp_path, listener.port, supervised=False)
    with serving(Behaviour(good)) as url, device:
        job = job_of(good, "0.1.1", url)
        give(listener, job)
        device.until(lambda: states(listener, job) == ["FAILED"])
        assert reports(listener, job)[-1].reason == "not_supervised"
        assert device.running
