"""A device with a camera: photos are scored there, and go to the bus with what its model says."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lineal_edge.agent import Agent
from lineal_edge.settings import Settings
from lineal_edge.sources.camera import Camera, CameraSource
from lineal_edge.sources.photo_size import fitting
from lineal_edge.update.photo_scorer import PhotoScorer
from lineal_local.mosquitto import Mosquitto
from lineal_schemas.deployments import JobNotice, PackageManifest, StepTimeouts
from lineal_schemas.models import ModelRef
from lineal_schemas.photos import PhotoCaptured
from lineal_scoring.photo_model import INPUT, PhotoModel, decode_photo, to_model_size
from tests.edge.listener import Listener
from tests.edge.photo_models import THRESHOLD, photo, redness_model
from tests.edge.update.server import Behaviour, serving
from tests.edge.update.simulated_device import KEY, job_of, signed
from tests.services.missing import skipped_when_unavailable

DEVICE = "turbine-7"
DAY = 86_400_000_000

STANDS_IN = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
"""There is no camera here: a program that writes a photo, as ``rpicam-jpeg -o -`` does."""


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with skipped_when_unavailable(), Mosquitto(settings=["max_inflight_messages 100"]) as broker:
        yield broker


@pytest.fixture
def started() -> Iterator[list[Agent]]:
    agents: list[Agent] = []
    yield agents
    for agent in agents:
        agent.stop()


def settings_of(folder: Path, port: int, *, update: bool = False, **source: Any) -> Settings:
    if "command" not in source:
        source["folder"] = folder / "dropped"
        source["folder"].mkdir(exist_ok=True)
    return Settings.model_validate(
        {
            "device": DEVICE,
            "data": folder / "data",
            "source": {"kind": "camera", "line": "washers", "spool": folder / "spool",
                       "quiet_seconds": 0, **source},
            "broker": {"host": "127.0.0.1", "port": port, "will_delay": 0},
            "publishing": {"wait": 0.1, "backoff_first": 0.05, "backoff_max": 0.2},
            "outbox": {"commit_seconds": 0.05},
            "update": {"enabled": update, "trusted_keys": {"2026": _public_key()}},
        }
    )  # fmt: skip


def _public_key() -> str:
    import base64

    return base64.b64encode(KEY.public_key().public_bytes_raw()).decode()


def drop(folder: Path, name: str, data: bytes) -> None:
    part = folder / "dropped" / f"{name}.part"
    part.write_bytes(data)
    part.rename(folder / "dropped" / f"{name}.jpg")


def captured(listener: Listener) -> list[PhotoCaptured]:
    return [
        PhotoCaptured.model_validate(event.data)
        for boot in list(listener.events.values())
        for _, event in sorted(boot.items())
        if event.event_type == PhotoCaptured.type
    ]


def wait_until(condition: Callable[[], object], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def _have_come(listener: Listener, count: int) -> bool:
    return len({one.photo_id for one in captured(listener)}) >= count


def use(agent: Agent, data: bytes) -> PhotoScorer:
    scorer = agent._scorer
    assert isinstance(scorer, PhotoScorer)
    ref = ModelRef(name="photos", version=1, sha256=sha256(data).hexdigest())
    scorer.swap(scorer.prepare(data, ref))
    return scorer


def test_each_photo_goes_to_the_bus_with_its_score_and_leaves_the_device(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    with Listener(broker.port) as listener:
        agent = Agent(settings_of(tmp_path, broker.port))
        started.append(agent)
        scorer = use(agent, redness_model())
        agent.start()
        sent = {photo(red, red): red / 255 for red in (0, 40, 250)}
        for number, data in enumerate(sent):
            drop(tmp_path, str(number), data)
        listener.wait(lambda: len(captured(listener)) == 3)
        for one in captured(listener):
            assert one.score == pytest.approx(sent[one.image], abs=0.03)
            assert (one.line, one.device, one.threshold) == ("washers", DEVICE, THRESHOLD)
            assert not one.reduced
            assert one.model == scorer.models()[0]
        boot = (agent.outbox.device, agent.outbox.boot_id)
        listener.wait(lambda: listener.received(boot) == 3)
        reds = [values[0] for _, values in sorted(listener.values[boot].items())]
        assert reds == pytest.approx([0, 40, 250], abs=8)
        wait_until(lambda: not list((tmp_path / "spool").iterdir()))
        assert list((tmp_path / "dropped").iterdir()) == []


def test_what_is_normal_stays_on_the_device_where_only_defects_are_sent(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    acted = tmp_path / "acted"
    act = [sys.executable, "-c", f"open({str(acted)!r}, 'a').write('x')"]
    with Listener(broker.port) as listener:
        agent = Agent(settings_of(tmp_path, broker.port, send="defects", on_defect=act))
        started.append(agent)
        scorer = use(agent, redness_model())
        agent.start()
        for number in range(10):
            drop(tmp_path, f"{number:02d}", photo(250 if number == 9 else 20, number))
        wait_until(lambda: scorer.scored_windows == 10)
        listener.wait(lambda: len(captured(listener)) == 1)
        assert captured(listener)[0].image == photo(250, 9)
        wait_until(acted.exists)
        assert acted.read_text() == "x"


def test_without_a_model_all_photos_go_to_the_bus_so_that_one_can_be_learnt(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    with Listener(broker.port) as listener:
        agent = Agent(settings_of(tmp_path, broker.port, send="defects"))
        started.append(agent)
        agent.start()
        drop(tmp_path, "one", photo(20))
        listener.wait(lambda: len(captured(listener)) == 1)
        assert captured(listener)[0].score is None


def test_a_model_comes_by_rollout_and_one_that_scores_its_golden_photos_wrongly_does_not(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    with Listener(broker.port) as listener:
        agent = Agent(settings_of(tmp_path, broker.port, update=True))
        started.append(agent)
        agent.start()
        stopped = threading.Event()
        line = threading.Thread(target=_drop_until, args=(tmp_path, stopped))
        line.start()
        try:
            assert _roll_out(agent, redness_model(), 1) == "SUCCEEDED"
            assert _roll_out(agent, redness_model(1.1, says=0.9), 2) == "FAILED"
            assert [model.version for model in agent.health().models] == [1]
        finally:
            stopped.set()
            line.join()
        listener.wait(lambda: any(one.score is not None for one in captured(listener)))


def _drop_until(folder: Path, stopped: threading.Event) -> None:
    number = 0
    while not stopped.wait(0.05):
        number += 1
        drop(folder, f"{number:05d}", photo(20, number % 256))


def _roll_out(agent: Agent, data: bytes, version: int) -> str:
    now = int(time.time() * 1e6)
    manifest = PackageManifest(
        model=ModelRef(name="photos", version=version, sha256=sha256(data).hexdigest()),
        bytes=len(data), input_schema=INPUT, threshold=THRESHOLD, counter=version,
        created_us=now - DAY, expires_us=now + DAY,
    )  # fmt: skip
    with serving(Behaviour(data)) as url:
        job = job_of(
            signed(manifest), f"rollout-{version}", url=url, shadow_readings=3, soak_readings=3,
            timeouts=StepTimeouts(download=150, verify=150, shadow=150, soak=150),
        )  # fmt: skip
        updater: Any = agent._updater
        updater.on_notice(JobNotice(job=job))

        def ended() -> bool:
            progress = updater.machine.progress
            return bool(progress and progress.job.job_id == job.job_id and progress.final)

        wait_until(ended)
        return str(updater.machine.progress.state)


def test_no_photo_is_lost_when_the_agent_is_killed_and_none_counts_twice(
    tmp_path: Path, broker: Mosquitto
) -> None:
    settings = tmp_path / "agent.toml"
    (tmp_path / "dropped").mkdir()
    settings.write_text(
        f"""device = "{DEVICE}"
data = "{tmp_path}/data"
[source]
kind = "camera"
line = "washers"
folder = "{tmp_path}/dropped"
spool = "{tmp_path}/spool"
quiet_seconds = 0
[broker]
host = "127.0.0.1"
port = {broker.port}
[publishing]
backoff_first = 0.05
[update]
enabled = false
"""
    )
    photos = {photo(20, number) for number in range(40)}
    with Listener(broker.port) as listener:
        for number, data in enumerate(sorted(photos)):
            drop(tmp_path, f"{number:02d}", data)
        for kill_at in (5, 15, 25, None):
            program = [sys.executable, "-m", "lineal_edge", "run", "--settings", str(settings)]
            process = subprocess.Popen(program)
            try:
                wait_until(partial(_have_come, listener, 40 if kill_at is None else kill_at))
            finally:
                process.send_signal(signal.SIGTERM if kill_at is None else signal.SIGKILL)
                process.wait()
        assert {one.image for one in captured(listener)} == photos
        # one that came again says so: it has the same id
        assert len({one.photo_id for one in captured(listener)}) == 40


def test_triggers_within_the_time_that_a_contact_bounces_are_one(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(photo(20))
    bouncing = "print('4711\\n4711\\n4711', flush=True); import time; time.sleep(600)"
    camera = Camera(
        CameraSource(
            kind="camera", line="washers", command=(sys.executable, "-c", STANDS_IN, str(file)),
            trigger=(sys.executable, "-c", bouncing), trigger_names_piece=True, debounce=600,
            spool=tmp_path / "spool",
        )
    )  # fmt: skip
    samples = camera.samples(None)
    next(samples)
    wait_until(lambda: camera.counts.duplicates == 2)
    camera.close()
    (name,) = [path.name for path in (tmp_path / "spool").iterdir()]
    assert name.endswith("-4711.jpg")
    assert list(samples) == []


def test_a_camera_that_fails_is_counted_and_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    camera = Camera(
        CameraSource(
            kind="camera", line="washers", every=0.05, spool=tmp_path / "spool",
            command=(sys.executable, "-c", STANDS_IN, str(file)),
        )
    )  # fmt: skip
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.extend(camera.samples(None)))
    reader.start()
    wait_until(lambda: camera.counts.bad_lines >= 2)
    file.write_bytes(photo(20))
    wait_until(lambda: list((tmp_path / "spool").iterdir()))
    camera.close()
    reader.join()
    assert found


def test_while_too_many_photos_wait_no_further_ones_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(photo(20))
    camera = Camera(
        CameraSource(
            kind="camera", line="washers", every=0.01, spool=tmp_path / "spool", spool_photos=3,
            command=(sys.executable, "-c", STANDS_IN, str(file)),
        )
    )  # fmt: skip
    reader = threading.Thread(target=lambda: list(camera.samples(None)))
    reader.start()
    wait_until(lambda: camera.counts.bad_lines >= 2)
    camera.close()
    reader.join()
    assert len(list((tmp_path / "spool").iterdir())) == 3


def test_a_trigger_that_ends_ends_the_source_with_its_reason(tmp_path: Path) -> None:
    camera = Camera(
        CameraSource(
            kind="camera", line="washers", command=("true",), spool=tmp_path / "spool",
            trigger=(sys.executable, "-c", "raise SystemExit(3)"),
        )
    )  # fmt: skip
    with pytest.raises(OSError, match="has ended with 3"):
        list(camera.samples(None))


def test_a_photo_that_is_too_large_for_a_message_is_sent_smaller() -> None:
    data = photo(200, size=3000)
    small = fitting(data, decode_photo(data), 20_000)
    assert len(small) <= 20_000 < len(data)
    assert decode_photo(small).shape[0] >= 256


def test_a_photo_that_was_made_smaller_is_scored_as_it_is_sent(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    model = redness_model()
    noise = np.random.default_rng(1).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    noise[:, :, :2] //= 4
    large = cv2.imencode(".png", noise)[1].tobytes()
    with Listener(broker.port) as listener:
        agent = Agent(settings_of(tmp_path, broker.port))
        started.append(agent)
        use(agent, model)
        agent.start()
        drop(tmp_path, "large", large)
        listener.wait(lambda: len(captured(listener)) == 1)
    (sent,) = captured(listener)
    assert sent.reduced and sent.media_type == "image/jpeg" and len(sent.image) <= 90_000
    # Else the centre, where models are learnt from what is sent, would find another score.
    there = PhotoModel(model).score(to_model_size(decode_photo(sent.image))).value
    assert sent.score == pytest.approx(there, abs=1e-6)
    taken = PhotoModel(model).score(to_model_size(decode_photo(large))).value
    assert abs(taken - there) > 1e-5


@pytest.mark.parametrize("fields", [{}, {"command": ("x",), "folder": "/tmp"}])
def test_a_camera_is_a_command_or_a_folder(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="name one of the two"):
        CameraSource(kind="camera", line="washers", **fields)
