"""A device around the update machine: its disk, scorer, server and clock are simulated."""

from __future__ import annotations

import base64
import http.client
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lineal_edge.update.download import Answer, ServerRejected
from lineal_edge.update.health import Tally
from lineal_edge.update.machine import UpdateMachine
from lineal_edge.update.verification import PackageRejected
from lineal_schemas.deployments import (
    SIGNING_PREFIX,
    DeploymentJobUpdated,
    GoldenWindow,
    JobDocument,
    JobNotice,
    PackageManifest,
    SignedPackage,
    StepTimeouts,
)
from lineal_schemas.ids import job_id
from lineal_schemas.models import InputSchema, ModelRef
from lineal_schemas.payload import Payload
from lineal_scoring.model import ModelError
from tests.edge.update.simulated_disk import SimulatedDisk

DEVICE = "turbine-7"
FOLDER = Path("/models")
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEYS = {"2026": KEY.public_key().public_bytes_raw()}
NOW_US = 1_800_000_000_000_000
DAY_US = 86_400_000_000


def signed(manifest: PackageManifest, key: Ed25519PrivateKey = KEY, key_id: str = "2026"):
    text = manifest.model_dump_json()
    signature = base64.b64encode(key.sign(SIGNING_PREFIX + text.encode())).decode()
    return SignedPackage(manifest=text, key_id=key_id, signature=signature)


def manifest_of(
    data: bytes,
    version: int = 1,
    *,
    counter: int | None = None,
    name: str = "turbine",
    features: tuple[str, ...] = ("rps",),
    golden: tuple[GoldenWindow, ...] = (GoldenWindow(values=((0.0,),), score=0.0),),
    length: int = 1,
    step: int = 1,
    threshold: float = 1.0,
    created_us: int = NOW_US - DAY_US,
    expires_us: int = NOW_US + 30 * DAY_US,
    epoch: int = 0,
) -> PackageManifest:
    return PackageManifest(
        model=ModelRef(name=name, version=version, sha256=sha256(data).hexdigest()),
        bytes=len(data),
        input_schema=InputSchema(features=features, length=length, step=step),
        threshold=threshold,
        golden=golden,
        counter=version if counter is None else counter,
        created_us=created_us,
        expires_us=expires_us,
        epoch=epoch,
    )


def job_of(package: SignedPackage, rollout: str, **fields: object) -> JobDocument:
    return JobDocument.model_validate(
        {
            "job_id": job_id(rollout, DEVICE),
            "rollout_id": rollout,
            "device": DEVICE,
            "version": 1,
            "package": package,
            "url": "http://centre/packages/model",
            "timeouts": StepTimeouts(download=50, verify=50, shadow=50, soak=50),
            "shadow_readings": 4,
            "soak_readings": 8,
            "issued_us": NOW_US,
            **fields,
        }
    )


class FakeModel(NamedTuple):
    ref: ModelRef
    data: bytes


@dataclass
class FakeScorer:
    """A model's bytes say how it behaves."""

    features: tuple[str, ...] = ("rps",)
    active: FakeModel | None = None
    shadow: FakeModel | None = None
    active_tally: Tally = field(default_factory=Tally)
    beside_tally: Tally = field(default_factory=Tally)
    best: dict[str, int] = field(default_factory=dict)
    """By digest of the model in use, the most readings it ever scored in one go."""
    run: int = 0

    def prepare(self, data: bytes, ref: ModelRef) -> FakeModel:
        if data.startswith(b"corrupt"):
            raise ModelError("no model")
        return FakeModel(ref, data)

    def set_shadow(self, candidate: FakeModel | None) -> Tally:
        self.shadow, self.beside_tally = candidate, Tally()
        return self.beside_tally

    def swap(self, candidate: FakeModel | None) -> Tally:
        self.run = 0
        self.active, self.active_tally = candidate, Tally()
        return self.active_tally

    def read(self, count: int) -> None:
        for _ in range(count):
            for model, tally, in_use in (
                (self.active, self.active_tally, True),
                (self.shadow, self.beside_tally, False),
            ):
                if model is None:
                    continue
                if in_use:
                    self.run += 1
                    digest = model.ref.sha256
                    self.best[digest] = max(self.run, self.best.get(digest, 0))
                bad = model.data.startswith(b"late-") and in_use
                if model.data.startswith(b"fails") or (bad and b"fails" in model.data):
                    tally.failed()
                elif model.data.startswith(b"alarms") or (bad and b"alarms" in model.data):
                    tally.scored([9.0], 1.0)
                else:
                    tally.scored([0.5], 1.0)


@dataclass
class FakeClock:
    wall: int = NOW_US
    monotonic: int = 1_000_000

    def monotonic_us(self) -> int:
        return self.monotonic

    def wall_us(self) -> int:
        return self.wall


class Device:
    """A device that can lose its power at any moment."""

    def __init__(self, root: bytes | None = None) -> None:
        self.root = root
        self.disk = SimulatedDisk()
        self.clock = FakeClock()
        self.reports: list[DeploymentJobUpdated] = []
        """What the outbox has, which survives."""
        self.best: dict[str, int] = {}
        self.soaked_at_success: dict[str, int] = {}
        self.files: dict[str, bytes] = {}
        self.break_after: int | None = None
        """Bytes after which the connection breaks, once."""
        self.status: int | None = None
        self.outbox_fails = False
        self.stalls = 0
        self.boot()

    def boot(self) -> None:
        self.scorer = FakeScorer(best=self.best)
        self.clock.monotonic = 1_000_000
        self.machine = UpdateMachine(
            device=DEVICE,
            folder=FOLDER,
            disk=self.disk,
            trusted_keys=KEYS,
            scorer=self.scorer,
            report=self._report,
            clock=self.clock,
            fetch=self._fetch,
            trial=self._trial,
            stalled=self._stalled,
            pause=self._pause,
            root=self.root,
        )
        self.machine.recover()

    def serve(self, data: bytes) -> None:
        self.files["http://centre/packages/model"] = data

    def give(self, job: JobDocument | None) -> None:
        self.machine.on_notice(JobNotice(job=job))

    def step(self, readings: int = 1) -> None:
        """One step of the machine, one second later."""
        self.scorer.read(readings)
        self.clock.monotonic += 1_000_000
        self.clock.wall += 1_000_000
        self.machine.advance()

    def run(self, steps: int = 200) -> None:
        for _ in range(steps):
            self.step()
            progress = self.machine.progress
            if progress is not None and progress.final and progress.reported:
                return

    def run_into_a_power_cut(self, fuse: int, steps: int = 200) -> bool:
        """Run until so many changes were made to the disk; False if it was done before."""
        from tests.edge.update.simulated_disk import PowerCut

        self.disk.fuse = fuse
        try:
            self.run(steps)
        except PowerCut:
            return True
        self.disk.fuse = None
        return False

    def restart_after_a_cut(self, kept_names: float, kept_bytes: float) -> None:
        self.disk.cut(kept_names, kept_bytes)
        self.boot()

    @property
    def current(self) -> str | None:
        target = self.disk.target(FOLDER / "current")
        return None if target is None else target.rpartition("/")[2]

    @property
    def state(self) -> str | None:
        progress = self.machine.progress
        return None if progress is None else progress.state

    def states(self, job: str) -> list[str]:
        return [report.state for report in self.reports if report.job_id == job]

    def _report(self, payload: Payload) -> None:
        assert isinstance(payload, DeploymentJobUpdated)
        self.disk.tick()
        if self.outbox_fails:
            raise OSError("the outbox is out of order")
        if payload.state == "SUCCEEDED" and payload.job_id not in self.soaked_at_success:
            soaked = self.best.get(payload.model.sha256, 0)
            self.soaked_at_success[payload.job_id] = soaked
        self.reports.append(payload)
        self.disk.tick()

    @contextmanager
    def _fetch(self, url: str, offset: int) -> Iterator[Answer]:
        if self.status is not None:
            raise ServerRejected(self.status)
        if url not in self.files:
            raise ServerRejected(404)
        data = self.files[url]

        def chunks() -> Iterator[bytes]:
            for begin in range(offset, len(data), 16):
                if self.break_after is not None and begin >= self.break_after:
                    self.break_after = None
                    raise http.client.IncompleteRead(b"")
                yield data[begin : begin + 16]

        yield Answer(offset, chunks())

    def _trial(self, file: Path, manifest: PackageManifest, seconds: float) -> None:
        data = self.disk.read(file)
        assert data is not None
        assert math.isfinite(seconds)
        if data.startswith(b"mismatch"):
            raise PackageRejected("golden_mismatch", "a golden window scores otherwise")

    def _stalled(self) -> None:
        self.stalls += 1

    def _pause(self, seconds: float) -> None:
        self.clock.monotonic += int(seconds * 1_000_000)
