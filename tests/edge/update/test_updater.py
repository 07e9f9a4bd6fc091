"""The updater with real models, a real server and a real disk, also killed at any moment."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path

import pytest

from lineal_edge.interfaces import AnomalyPayload
from lineal_edge.update.health import Limits
from lineal_schemas.deployments import JobDocument, StepTimeouts
from lineal_schemas.models import ModelRef
from tests.edge.update.graphs import FEATURES, LENGTH, STEP, THRESHOLD_VALUE, golden, graph
from tests.edge.update.real_device import RealDevice
from tests.edge.update.server import Behaviour, serving
from tests.edge.update.simulated_device import job_of, manifest_of, signed

NOW = int(time.time() * 1e6)
DAY = 86_400_000_000
ROOT = Path(__file__).parents[3]


def job(data: bytes, url: str, version: int, factor: float = 1.0, **fields) -> JobDocument:
    manifest = manifest_of(
        data, version, features=FEATURES, golden=golden(factor), length=LENGTH, step=STEP,
        threshold=THRESHOLD_VALUE, created_us=NOW - DAY, expires_us=NOW + DAY,
    )  # fmt: skip
    fields = {
        "timeouts": StepTimeouts(download=30, verify=30, shadow=30, soak=30),
        "shadow_readings": 40, "soak_readings": 80, **fields,
    }  # fmt: skip
    return job_of(signed(manifest), f"rollout-{version}", url=url, **fields)


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def current(folder: Path) -> str:
    return (folder / "current").readlink().name


FIRST = graph(factor=1.0)


@pytest.fixture(scope="module")
def first_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a device that has taken its first model; not to be changed."""
    folder = tmp_path_factory.mktemp("first")
    with serving(Behaviour(FIRST)) as url, RealDevice(folder) as device:
        first = job(FIRST, url, 1, shadow_readings=0, soak_readings=20)
        device.give(first)
        assert device.ended(first) == "SUCCEEDED"
    return folder


@pytest.fixture
def folder(first_model: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    copy = tmp_path / "models"
    shutil.copytree(first_model, copy, symlinks=True)
    return copy


def test_a_good_model_takes_over_and_the_one_before_is_kept(folder: Path):
    data = graph(factor=2.0, padding=200_000)
    with serving(Behaviour(data, cut_after=[50_000])) as url, RealDevice(folder) as device:
        assert [model.sha256 for model in device.scorer.models()] == [digest(FIRST)]
        second = job(data, url, 2, factor=2.0)
        device.give(second)
        assert device.ended(second) == "SUCCEEDED"
        assert [model.sha256 for model in device.scorer.models()] == [digest(data)]
        assert [report.expected_version for report in device.reports] == [1, 2, 3, 4, 5, 6]
    assert current(folder) == digest(data)
    assert (folder / "previous").readlink().name == digest(FIRST)
    assert len(list((folder / "packages").iterdir())) == 2
    assert list((folder / "downloads").iterdir()) == []


BAD = {
    "corrupt_model": (graph()[:200], 1.0),
    "golden_mismatch": (graph(factor=1.5), 1.0),
    "alarm_rate": (graph("alarms"), 1.0),
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_model_never_scores(folder: Path, reason: str):
    data, factor = BAD[reason]
    bad = job(data, "", 2, factor=factor)
    if reason == "alarm_rate":  # right on its golden windows, wrong for this device
        alarms = tuple(
            window.model_copy(update={"score": window.score * 2e6}) for window in golden()
        )
        manifest = manifest_of(
            data, 2, features=FEATURES, golden=alarms, length=LENGTH, step=STEP,
            threshold=THRESHOLD_VALUE, created_us=NOW - DAY, expires_us=NOW + DAY,
        )  # fmt: skip
        bad = bad.model_copy(update={"package": signed(manifest)})
    with serving(Behaviour(data)) as url, RealDevice(folder) as device:
        device.give(bad.model_copy(update={"url": url}))
        assert device.ended(bad) == "FAILED"
        assert device.reports[-1].reason == reason
        assert [model.sha256 for model in device.scorer.models()] == [digest(FIRST)]
        assert device.anomalies == []
    assert current(folder) == digest(FIRST)
    assert [item.name for item in (folder / "packages").iterdir()] == [digest(FIRST)]


def test_a_model_that_hangs_is_found_out_while_the_other_scores_on(folder: Path):
    data = graph("hangs")
    with serving(Behaviour(data)) as url, RealDevice(folder) as device:
        timeouts = StepTimeouts(download=30, verify=3, shadow=30, soak=30)
        hanging = job(data, url, 2, timeouts=timeouts)
        before = device.scorer.scored_windows
        device.give(hanging)
        assert device.ended(hanging) == "FAILED"
        assert device.reports[-1].reason == "model_hangs"
        assert device.scorer.scored_windows > before + 50


def test_a_missing_file_fails_the_job(folder: Path):
    data = graph(factor=2.0)
    with (
        serving(Behaviour(data, statuses=[404] * 9)) as url,
        RealDevice(folder) as device,
    ):
        missing = job(data, url, 2, factor=2.0)
        device.give(missing)
        assert device.ended(missing) == "FAILED"
        assert device.reports[-1].reason == "http_404"


def test_a_server_that_trickles_is_not_waited_for_for_ever(folder: Path):
    data = graph(factor=2.0, padding=200_000)
    hold = threading.Event()
    server = Behaviour(data, hold=hold)
    with serving(server) as url, RealDevice(folder) as device:
        slow = job(data, url, 2, factor=2.0)
        device.give(slow)
        assert server.half_sent.wait(180)
        device.give(None)  # the server gives up on it
        hold.set()
        assert device.ended(slow) == "FAILED"
        assert device.reports[-1].reason == "cancelled"


def test_the_agent_stops_in_the_middle_of_a_download(tmp_path: Path):
    data = graph(factor=2.0, padding=200_000)
    hold = threading.Event()
    server = Behaviour(data, hold=hold)
    with serving(server) as url:
        slow = job(data, url, 1, factor=2.0, shadow_readings=0)
        with RealDevice(tmp_path) as device:
            device.give(slow)
            assert server.half_sent.wait(180)
            hold.set()
        with RealDevice(tmp_path) as device:
            assert device.ended(slow) == "SUCCEEDED", "it goes on by itself"


def test_another_job_takes_the_place_of_one_that_soaks(folder: Path):
    second, third = graph(factor=2.0), graph(factor=3.0)
    with (
        serving(Behaviour(second)) as url,
        serving(Behaviour(third)) as other,
        RealDevice(folder) as device,
    ):
        device.give(job(second, url, 2, factor=2.0, soak_readings=10**9))
        while (progress := device.updater.machine.progress) is None or (
            progress.state != "ACTIVE_UNCONFIRMED"
        ):
            time.sleep(0.01)
        last = job(third, other, 3, factor=3.0)
        device.give(last)
        assert device.ended(last) == "SUCCEEDED"
        states = [(report.state, report.reason) for report in device.reports]
        assert ("ROLLED_BACK", "superseded") in states
    assert current(folder) == digest(third)
    assert (folder / "previous").readlink().name == digest(FIRST)


def test_killed_at_any_moment_it_ends_as_without(folder: Path, tmp_path: Path):
    """kill -9 of a real process, again and again: in download, trial, swap and soak."""
    draw = random.Random(20261121)
    data = graph(factor=2.0, padding=3_000_000)
    reports, file = tmp_path / "reports", tmp_path / "job.json"
    kills = 0
    with serving(Behaviour(data)) as url:
        second = job(data, url, 2, factor=2.0, shadow_readings=300, soak_readings=1500)
        file.write_text(second.model_dump_json())
        for _ in range(60):
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.edge.update.real_device", folder, file, reports],
                stdout=subprocess.PIPE, cwd=ROOT,
            )  # fmt: skip
            # The program takes about half a second to begin; the job some three.
            wait = draw.uniform(0.4, 2.0) if kills < 5 else 60
            try:
                out, _ = process.communicate(timeout=wait)
                break
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.communicate()
                kills += 1
        assert process.returncode == 0
    final = json.loads(out)["state"]
    states = [json.loads(line)["state"] for line in reports.read_text().splitlines()]
    assert kills > 0
    ends = {state for state in states if state in ("SUCCEEDED", "FAILED", "ROLLED_BACK")}
    assert ends == {final}
    # After a few starts without a confirmation it goes back, as it should; never something between.
    expected = {"SUCCEEDED": digest(data), "ROLLED_BACK": digest(FIRST), "FAILED": digest(FIRST)}
    assert current(folder) == expected[final]
    model = folder / "current" / "model.onnx"
    assert digest(model.read_bytes()) == current(folder)


def test_a_model_that_takes_too_long_in_use_is_taken_back(folder: Path):
    """A hang that the golden windows did not show: the scorer's thread cannot be stopped, so the
    disk goes back and the agent is asked to start anew."""
    data = graph(factor=2.0)
    stalled = threading.Event()
    with serving(Behaviour(data)) as url, RealDevice(folder) as device:
        machine = device.updater.machine
        machine._stalled = stalled.set
        machine._models._limits = Limits(stall_seconds=0.2)
        second = job(data, url, 2, factor=2.0, soak_readings=10**9)
        device.give(second)
        while machine.progress is None or machine.progress.state != "ACTIVE_UNCONFIRMED":
            time.sleep(0.01)
        held, going = threading.Event(), threading.Event()
        active = device.scorer.active
        assert active is not None
        score = active.model.score_all

        def slow(values):
            held.set()
            going.wait(180)
            return score(values)

        active.model.score_all = slow  # type: ignore[method-assign]
        assert held.wait(180)
        assert device.ended(second) == "ROLLED_BACK"
        assert stalled.wait(180)
        going.set()
    assert current(folder) == digest(FIRST)


def test_a_hundred_swaps_miss_no_window_and_no_anomaly_is_left_open():
    from lineal_edge.clock import SystemClock
    from lineal_edge.reading import Reading
    from lineal_edge.update.live_scorer import LiveScorer

    scorer = LiveScorer("d", "0" * 32, FEATURES, SystemClock())
    models = [
        scorer.prepare(data, ModelRef(name="m", version=1 + n, sha256=digest(data)))
        for n, data in enumerate((graph(factor=1.0), graph(factor=1.5)))
    ]
    scorer.swap(models[0])
    stop = threading.Event()

    def swapping() -> None:
        for turn in range(100):
            scorer.swap(models[turn % 2])
            time.sleep(0.002)
        stop.set()

    swapper = threading.Thread(target=swapping)
    swapper.start()
    events: list[AnomalyPayload] = []
    readings = 0
    while not stop.is_set() or readings < 2000:
        readings += 1
        size = 1000.0 if readings % 400 > 300 else 1.0  # an anomaly now and then
        values = (size * (1 + readings % 7 / 10), size)
        events += scorer.observe(Reading(readings, 0, 0, values))
        time.sleep(0.0002)
    swapper.join()
    assert scorer.scored_windows == (readings - LENGTH) // STEP + 1
    open_now = None
    for event in events:
        if event.type == "anomaly.opened":
            assert open_now is None
            open_now = event.anomaly_id
        else:
            assert event.anomaly_id == open_now
            open_now = None if event.type == "anomaly.closed" else open_now
