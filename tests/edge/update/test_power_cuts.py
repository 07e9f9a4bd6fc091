"""The power may be cut between any two changes to the disk, and anything else may happen."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lineal_edge.update.journal import Progress
from lineal_edge.update.logbook import manifest_of as manifest_of_job
from lineal_schemas.deployments import FINAL_STATES, JobReply
from tests.edge.update.simulated_device import (
    DAY_US,
    FOLDER,
    NOW_US,
    Device,
    job_of,
    manifest_of,
    signed,
)
from tests.edge.update.simulated_disk import PowerCut
from tests.long import examples

OLD = b"good old model" * 4
NEW = b"good new model" * 8


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def with_a_model() -> Device:
    device = Device()
    device.serve(OLD)
    device.give(job_of(signed(manifest_of(OLD, 1)), "first"))
    device.run()
    assert device.state == "SUCCEEDED"
    assert device.current == digest(OLD)
    return device


def changes_of_an_update(data: bytes) -> int:
    device = with_a_model()
    begun = device.disk.changes
    device.serve(data)
    device.give(job_of(signed(manifest_of(data, 2)), "second"))
    device.run()
    return device.disk.changes - begun


ENDS = {
    NEW: "SUCCEEDED",
    b"mismatch in golden scores": "FAILED",
    b"fails to score" * 3: "FAILED",
    b"late-fails" * 5: "ROLLED_BACK",
    b"late-alarms" * 5: "ROLLED_BACK",
}


@pytest.mark.parametrize(("kept_names", "kept_bytes"), [(0, 0), (1, 0.5)])
@pytest.mark.parametrize("data", ENDS, ids=[data[:8].decode() for data in ENDS])
def test_a_cut_at_any_change_ends_as_without(data: bytes, kept_names: float, kept_bytes: float):
    job = job_of(signed(manifest_of(data, 2)), "second")
    for fuse in range(1, changes_of_an_update(data) + 1):
        device = with_a_model()
        device.serve(data)
        device.give(job)
        assert device.run_into_a_power_cut(fuse), fuse
        device.restart_after_a_cut(kept_names, kept_bytes)
        assert device.scorer.active is not None, f"nothing scores after a cut at change {fuse}"
        if ENDS[data] not in device.states(job.job_id):
            device.give(job)  # it is retained until the server hears of its end
        device.run()
        assert device.state == ENDS[data], fuse
        good = ENDS[data] == "SUCCEEDED"
        assert device.current == digest(data if good else OLD), fuse
        assert device.scorer.active.ref.sha256 == device.current
        assert device.machine.counter == (2 if good else 1)
        assert device.states(job.job_id)[-1] == ENDS[data], "the server hears how it ended"
        if good:
            assert device.soaked_at_success[job.job_id] >= job.soak_readings


def test_a_model_that_kills_the_agent_is_gone_after_a_few_starts():
    device = with_a_model()
    device.serve(NEW)
    job = job_of(signed(manifest_of(NEW, 2)), "second", soak_readings=1_000_000)
    device.give(job)
    while device.state != "ACTIVE_UNCONFIRMED":
        device.step()
    starts = 0
    while device.current == digest(NEW):
        device.step()
        device.disk.fuse = 1
        with pytest.raises(PowerCut):
            device.disk.tick()
        device.restart_after_a_cut(1, 1)
        starts += 1
        assert starts < 10
    device.run()
    assert device.states(job.job_id)[-1] == "ROLLED_BACK"
    assert device.reports[-1].reason == "boot_loop"
    assert device.current == digest(OLD)


KINDS = [*ENDS, b"corrupt graph"]


class Updates(RuleBasedStateMachine):
    """Jobs, cuts, broken connections, clock jumps and the server's word, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.device = with_a_model()
        self.version = 1
        self.highest = 1
        self.jobs: dict[str, bytes] = {}
        self.data: dict[str, bytes] = {digest(OLD): OLD}

    @rule(kind=st.sampled_from(KINDS), old=st.booleans(), expired=st.booleans())
    def a_job_comes(self, kind: bytes, old: bool, expired: bool) -> None:
        self.version += 1
        data = kind + b" %d" % self.version
        self.data[digest(data)] = data
        manifest = manifest_of(
            data,
            self.version,
            counter=0 + 1 if old else self.version,
            expires_us=NOW_US - DAY_US if expired else NOW_US + 300 * DAY_US,
            created_us=NOW_US - 2 * DAY_US,
        )
        rollout = f"rollout-{self.version}"
        job = job_of(signed(manifest), rollout)
        rejected = (old and self.device.machine.counter >= 1) or expired
        self.jobs[job.job_id] = b"refused" if rejected else data
        self.device.serve(data)
        self.device.give(job)

    @rule(steps=st.integers(1, 12), readings=st.integers(0, 3))
    def time_goes_by(self, steps: int, readings: int) -> None:
        for _ in range(steps):
            self.device.step(readings)

    @rule(fuse=st.integers(1, 40), kept_names=st.floats(0, 1), kept_bytes=st.floats(0, 1))
    def the_power_is_cut(self, fuse: int, kept_names: float, kept_bytes: float) -> None:
        if self.device.run_into_a_power_cut(fuse, steps=15):
            try:
                self.device.disk.fuse = None
                self.device.restart_after_a_cut(kept_names, kept_bytes)
            except PowerCut:  # pragma: no cover - the fuse is out
                raise AssertionError from None

    @rule(fuse=st.integers(1, 12), kept_names=st.floats(0, 1), kept_bytes=st.floats(0, 1))
    def the_power_is_cut_while_it_starts(
        self, fuse: int, kept_names: float, kept_bytes: float
    ) -> None:
        self.device.disk.cut(kept_names, kept_bytes)
        self.device.disk.fuse = fuse
        try:
            self.device.boot()
        except PowerCut:
            self.device.restart_after_a_cut(kept_names, kept_bytes)
        self.device.disk.fuse = None

    @rule(after=st.integers(0, 200))
    def the_connection_breaks(self, after: int) -> None:
        self.device.break_after = after

    @rule(seconds=st.integers(-(10**9), 10**7))
    def the_clock_jumps(self, seconds: int) -> None:
        self.device.clock.wall = max(0, NOW_US + seconds * 1_000_000)

    @rule(broken=st.booleans())
    def the_outbox_breaks_or_not(self, broken: bool) -> None:
        self.device.outbox_fails = broken

    @rule(full=st.booleans())
    def the_disk_is_full_or_not(self, full: bool) -> None:
        self.device.disk.full = full

    @precondition(lambda self: self.device.machine.progress is not None)
    @rule(
        accepted=st.booleans(),
        state=st.sampled_from(["IN_PROGRESS", "TIMED_OUT", "CANCELLED"]),
        version=st.integers(1, 30),
    )
    def the_server_replies(self, accepted: bool, state: str, version: int) -> None:
        progress = self.device.machine.progress
        assert progress is not None
        self.device.machine.on_reply(
            JobReply(job_id=progress.job.job_id, accepted=accepted, version=version, state=state)  # type: ignore[arg-type]
        )

    @rule()
    def the_server_has_no_job(self) -> None:
        self.device.give(None)

    @invariant()
    def what_scores_is_whole_and_is_what_the_disk_says(self) -> None:
        current = self.device.current
        assert current is not None
        model = self.device.disk.read(FOLDER / "packages" / current / "model.onnx")
        assert model == self.data[current]
        active = self.device.scorer.active
        assert active is not None
        if not self.device.disk.full:
            assert active.ref.sha256 == current

    @invariant()
    def nothing_unfit_is_ever_confirmed(self) -> None:
        for report in self.device.reports:
            if report.state != "SUCCEEDED" or report.job_id not in self.jobs:
                continue
            data = self.jobs[report.job_id]
            assert data.startswith(b"good"), data
            assert self.device.soaked_at_success[report.job_id] >= 8

    @invariant()
    def a_job_ends_in_one_way(self) -> None:
        for job in self.jobs:
            ends = {state for state in self.device.states(job) if state in FINAL_STATES}
            assert len(ends) <= 1

    @invariant()
    def the_counter_never_goes_back(self) -> None:
        assert self.device.machine.counter >= self.highest
        self.highest = self.device.machine.counter

    @invariant()
    def the_disk_does_not_fill_with_packages(self) -> None:
        assert len(self.device.disk.names(FOLDER / "packages")) <= 4
        assert len(self.device.disk.names(FOLDER / "downloads")) <= 2

    def teardown(self) -> None:
        """Left alone, whatever is under way comes to an end, and the server hears of it."""
        device = self.device
        device.disk.full = device.outbox_fails = False
        for _ in range(300):
            device.step()
        progress = device.machine.progress
        assert progress is not None
        assert progress.final
        assert progress.reported
        if progress.job.job_id in self.jobs:
            assert device.states(progress.job.job_id)[-1] == progress.state
        if progress.state == "SUCCEEDED":
            assert device.current == progress_model(progress)
        assert len(device.disk.names(FOLDER / "packages")) <= 2
        assert device.disk.names(FOLDER / "downloads") == []


def progress_model(progress: Progress) -> str:
    return manifest_of_job(progress).model.sha256


TestUpdates = Updates.TestCase
TestUpdates.settings = settings(
    max_examples=examples(100),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
