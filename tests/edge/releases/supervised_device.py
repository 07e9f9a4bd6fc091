"""A device: a supervisor in a process of its own, a real broker, a real server of releases."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

from lineal_edge.releases.slots import Slots, SlotState
from lineal_schemas import mqtt_topics
from lineal_schemas.deployments import (
    AGENT,
    SIGNING_PREFIX,
    AgentManifest,
    DeploymentJobUpdated,
    JobDocument,
    JobNotice,
    JobState,
    SignedPackage,
    StepTimeouts,
)
from lineal_schemas.ids import job_id
from lineal_schemas.models import ModelRef
from lineal_schemas.telemetry import DeviceBirth
from tests.edge.listener import Listener
from tests.edge.update.simulated_device import KEY, KEYS

DEVICE = "pump-1"
SECONDS = 90


class SupervisedDevice:
    """``lineal-edge supervise``, until it is killed."""

    def __init__(self, folder: Path, port: int, *, supervised: bool = True) -> None:
        self._folder = folder
        self._command = "supervise" if supervised else "run"
        self._process: subprocess.Popen[bytes] | None = None
        self.slots = Slots(folder / "data" / "agent")
        self.settings = folder / "agent.toml"
        [(key, public)] = KEYS.items()
        self.settings.write_text(
            f'device = "{DEVICE}"\ndata = "{folder / "data"}"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {port}\nwill_delay = 0\n'
            "[publishing]\nwait = 0.1\nbackoff_first = 0.05\nbackoff_max = 0.2\n"
            "[outbox]\ncommit_seconds = 0.05\n[scoring]\nenabled = false\n"
            '[source]\nkind = "simulator"\nrate = 200\n'
            f'[update.trusted_keys]\n"{key}" = "{base64.b64encode(public).decode()}"\n'
        )

    def __enter__(self) -> SupervisedDevice:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, **environment: str) -> None:
        with (self._folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lineal_edge", self._command, "--settings", self.settings],
                stderr=log, env={**os.environ, **environment},
            )  # fmt: skip

    def kill(self) -> None:
        """kill -9 of the supervisor, as a power cut does; the kernel kills its agent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """As systemd stops it; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        self._process = None
        return code

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def state(self) -> SlotState:
        return self.slots.read()

    @property
    def job_state(self) -> str | None:
        """Of the journal."""
        file = self.slots.folder / "journal.json"
        if not file.exists():
            return None
        progress = json.loads(file.read_text())["progress"]
        return None if progress is None else str(progress["state"])

    def until_job_is_at(self, state: JobState) -> None:
        """Until the journal has this state, or one that follows it: some last for milliseconds."""
        known = get_args(JobState)
        expected = known[known.index(state) :]
        self.until(lambda: self.job_state in expected)

    def until(self, condition: Callable[[], Any]) -> None:
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, self.log()[-4000:]
            time.sleep(0.02)

    def log(self) -> str:
        return (self._folder / "agent.log").read_text()


def job_of(data: bytes, version: str, url: str, number: int = 1, **fields: Any) -> JobDocument:
    """A job for a release, signed with the key that devices trust."""
    now_us = time.time_ns() // 1000
    manifest = AgentManifest(
        kind="agent",
        release=ModelRef(name=AGENT, version=number, sha256=sha256(data).hexdigest()),
        agent_version=version,
        bytes=len(data),
        counter=number,
        created_us=now_us,
        expires_us=now_us + 86_400_000_000,
    )
    text = manifest.model_dump_json()
    [key] = KEYS
    signature = base64.b64encode(KEY.sign(SIGNING_PREFIX + text.encode())).decode()
    rollout = f"rollout-{number}"
    return JobDocument.model_validate(
        {
            "job_id": job_id(rollout, DEVICE),
            "rollout_id": rollout,
            "device": DEVICE,
            "version": 1,
            "kind": "agent",
            "package": SignedPackage(manifest=text, key_id=key, signature=signature),
            "url": url,
            "timeouts": StepTimeouts(download=60, verify=60, shadow=60, soak=60),
            "shadow_readings": 0,
            "soak_readings": 20,
            "issued_us": now_us,
            **fields,
        }
    )


def give(listener: Listener, job: JobDocument) -> None:
    """As the bridge does: the notice is retained."""
    body = JobNotice(job=job).model_dump_json().encode()
    listener.publish(mqtt_topics.jobs_notify(DEVICE), body, retain=True)


def reports(listener: Listener, job: JobDocument) -> list[DeploymentJobUpdated]:
    """What the device has said of a job, in order of its boots."""
    found = []
    for events in list(listener.events.values()):
        for _, event in sorted(events.items()):
            if event.event_type == DeploymentJobUpdated.type:
                update = DeploymentJobUpdated.model_validate(event.data)
                if update.job_id == job.job_id:
                    found.append(update)
    return found


def states(listener: Listener, job: JobDocument) -> list[str]:
    return [update.state for update in reports(listener, job)]


def versions(listener: Listener) -> list[str]:
    """The agents that were connected, one after the other."""
    return [state.agent_version for state in listener.states if isinstance(state, DeviceBirth)]
