"""Rollouts in rings: they go on when devices do well, and always end."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.access.acts import read_acts, read_role
from lineal.access.tokens import create_token
from lineal.access.users import add_user
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_consumers.deploy.stage import deploy
from lineal_edge.update.trial import try_model
from lineal_edge.update.verification import PackageRejected, open_package
from lineal_schemas.deployments import (
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentControl,
    DeploymentJobIssued,
    DeploymentJobTimedOut,
    DeploymentRequested,
    DeploymentRingCompleted,
    DeploymentStarted,
    PackageManifest,
    RingResult,
    RolloutPlan,
    SignedPackage,
)
from lineal_schemas.models import ModelRef
from lineal_schemas.payload import Payload
from tests.consumers.deploy.centre import WAY, Centre, of, open_centre, ring, types
from tests.edge.update.graphs import graph


@pytest.fixture
async def centre(tmp_path: Path) -> AsyncIterator[Centre]:
    async with open_centre(tmp_path) as opened:
        yield opened


@pytest.fixture
async def few_at_once(tmp_path: Path) -> AsyncIterator[Centre]:
    """A centre that gives three devices their jobs at a time."""
    async with open_centre(tmp_path, job_batch_size=3) as opened:
        yield opened


def control(action: str, rollout: str = "r1") -> DeploymentControl:
    return DeploymentControl(
        rollout_id=rollout, action=action, by="ann", requested_us=0  # type: ignore[arg-type]
    )  # fmt: skip


async def test_rings_follow_one_another_and_then_it_is_complete(centre: Centre):
    made = await centre.start(ring("canary", "a"), ring("rest", "b", "c"))
    assert types(made) == ["started", "ring_started"]
    assert centre.jobs_given(made) == ["a"]
    kinds = [centre.record.kind]
    made = await centre.report("a", *WAY)
    assert types(made) == ["ring_completed", "ring_started"]
    assert centre.jobs_given(made) == ["b", "c"]
    kinds.append(centre.record.kind)
    assert kinds == ["deploy", "activate"]
    made = await centre.report("b", *WAY) + await centre.report("c", *WAY)
    assert types(made) == ["ring_completed", "completed"]
    (done,) = of(made, DeploymentCompleted)
    assert done.result == RingResult(succeeded=3, failed=0, rolled_back=0)
    assert await centre.timers() == {}


async def test_the_package_is_one_a_device_accepts(centre: Centre, tmp_path: Path):
    await centre.start(ring("all", "a"))
    job = centre.notice("a")
    keys = {centre.key.key_id: base64.b64decode(centre.key.key)}
    manifest = open_package(job.package, keys, PackageManifest)
    assert job.url.endswith(manifest.model.sha256)
    file = tmp_path / "received.onnx"
    file.write_bytes(centre.model)
    try_model(file, manifest, 30)
    with pytest.raises(PackageRejected):
        open_package(job.package, {centre.key.key_id: bytes(32)}, PackageManifest)


async def test_no_private_key_is_in_any_event_or_object(centre: Centre, tmp_path: Path):
    await centre.start(ring("all", "a"))
    pem = (tmp_path / "deploy.pem").read_bytes()
    secret = b"".join(pem.splitlines()[1:-1])
    kept = [event.model_dump_json().encode() for event in centre.events]
    kept += (await centre.harness.state_items(deploy, "", bytes)).values()
    for record in centre.harness.records:
        for item in record.outputs:
            if item.role != "event":
                ref = reference(item.sha256, item.bytes, item.media_type)
                kept.append(await centre.harness.get(ref))
    assert kept
    assert all(secret not in data for data in kept)
    assert (tmp_path / "deploy.pem").stat().st_mode & 0o077 == 0


async def test_a_key_that_others_can_read_signs_nothing(centre: Centre, tmp_path: Path):
    (tmp_path / "deploy.pem").chmod(0o644)
    (aborted,) = of(await centre.start(ring("all", "a")), DeploymentAborted)
    assert "others can read" in aborted.reason


@pytest.mark.parametrize("steps", range(len(WAY)))
async def test_a_silent_device_counts_as_failed_after_any_step(centre: Centre, steps: int):
    await centre.start(ring("canary", "a"), ring("rest", "b"))
    await centre.report("a", *WAY[:steps])
    made = await centre.wait(1000)
    assert types(made) == ["job_timed_out", "aborted"]
    (late,) = of(made, DeploymentJobTimedOut)
    assert late.step == ("QUEUED", *WAY)[steps]
    assert centre.job("a").state == "TIMED_OUT"
    assert centre.notice("a").state == "TIMED_OUT", "its retained notice is cleared"
    assert centre.rollout().status == "aborted"


async def test_every_report_gives_the_device_the_time_of_its_next_step(centre: Centre):
    await centre.start(ring("all", "a"))
    for state in WAY:
        await centre.wait(29)
        await centre.report("a", state)
    assert centre.rollout().status == "completed"


async def test_deadlines_that_passed_while_nobody_looked_are_put_off_once(centre: Centre):
    await centre.start(ring("all", "a"))
    assert types(await centre.sleep(3600)) == []
    await centre.report("a", "IN_PROGRESS")  # it had reported in time
    assert centre.job("a").state == "IN_PROGRESS"
    await centre.sleep(3600)
    assert types(await centre.wait(60)) == ["job_timed_out", "aborted"]


async def test_more_failures_than_a_ring_may_have_end_the_rollout(centre: Centre):
    devices = [f"d{number}" for number in range(10)]
    await centre.start(ring("all", *devices, threshold=0.2), ring("rest", "x"))
    assert types(await centre.report("d0", "IN_PROGRESS", "FAILED", reason="http_404")) == []
    await centre.report("d1", *WAY[:5])
    assert types(await centre.report("d1", "ROLLED_BACK")) == []
    assert centre.record.kind == "rollback"
    await centre.report("d2", *WAY[:5])
    made = await centre.report("d3", "IN_PROGRESS", "FAILED")
    (aborted,) = of(made, DeploymentAborted)
    assert aborted.reason == "error_threshold"
    assert centre.job("d4").state == "CANCELLED"
    assert centre.notice("d4").state == "CANCELLED"
    assert centre.job("d2").state == "ACTIVE_UNCONFIRMED", "what scores already may end its soak"
    await centre.report("d2", "SUCCEEDED")
    assert centre.rollout().result.succeeded == 1
    assert "x" not in centre.jobs_given(centre.events)


async def test_the_last_devices_failure_still_counts(centre: Centre):
    """The error condition is looked at before a ring is complete."""
    await centre.start(ring("canary", "a", "b", threshold=0.4), ring("rest", "c"))
    await centre.report("a", *WAY)
    made = await centre.report("b", "IN_PROGRESS", "FAILED")
    assert types(made) == ["aborted"]
    assert not of(made, DeploymentRingCompleted)


async def test_failures_within_the_threshold_do_not_hold_it_up(centre: Centre):
    await centre.start(ring("canary", "a", "b", threshold=0.5), ring("rest", "c"))
    await centre.report("a", *WAY)
    made = await centre.report("b", "IN_PROGRESS", "FAILED")
    assert types(made) == ["ring_completed", "ring_started"]


async def test_a_paused_rollout_begins_no_further_ring_until_resumed(centre: Centre):
    await centre.start(ring("canary", "a"), ring("rest", "b"))
    assert types(await centre.send(control("pause"))) == ["paused"]
    assert types(await centre.send(control("pause"))) == [], "once is enough"
    assert types(await centre.report("a", *WAY)) == ["ring_completed"]
    made = await centre.send(control("resume"))
    assert types(made) == ["resumed", "ring_started"]
    assert centre.jobs_given(made) == ["b"]


async def test_a_device_that_falls_silent_in_a_pause_is_noticed(centre: Centre):
    await centre.start(ring("all", "a", "b", threshold=1.0))
    await centre.send(control("pause"))
    assert types(await centre.wait(1000)) == ["job_timed_out"] * 2 + ["ring_completed", "completed"]


async def test_an_aborted_rollout_does_nothing_more(centre: Centre):
    await centre.start(ring("canary", "a"), ring("rest", "b"))
    assert types(await centre.send(control("abort"))) == ["aborted"]
    (reply,) = centre.replies(await centre.report("a", "IN_PROGRESS", version=1))
    assert (reply.accepted, reply.state) == (False, "CANCELLED")
    assert types(await centre.wait(10_000)) == []
    assert types(await centre.send(control("resume"))) == []


async def test_large_rings_are_given_their_jobs_in_portions(few_at_once: Centre):
    centre = few_at_once
    devices = [f"d{number}" for number in range(8)]
    first = await centre.start(ring("all", *devices))
    assert centre.jobs_given(first) == devices[:3]
    await centre.send(control("pause"))
    assert centre.jobs_given(await centre.wait(1)) == []
    assert centre.jobs_given(await centre.send(control("resume"))) == devices[3:6]
    assert centre.jobs_given(await centre.wait(1)) == devices[6:]
    for device in devices:
        await centre.report(device, *WAY)
    assert centre.rollout().status == "completed"


async def test_the_jobs_of_a_large_ring_are_cancelled_in_portions(few_at_once: Centre):
    centre = few_at_once
    devices = [f"d{number}" for number in range(8)]
    await centre.start(ring("all", *devices))
    await centre.wait(1)
    made = await centre.send(control("abort"))
    assert types(made) == ["aborted"]
    assert len(of(made, DeploymentJobIssued)) == 3
    later = await centre.wait(1)
    assert types(later) == []
    assert {centre.notice(device).state for device in devices} == {"CANCELLED"}
    assert centre.rollout().result.cancelled == 8
    assert await centre.timers() == {}


class TestReports:
    async def test_one_made_from_another_state_is_not_accepted(self, centre: Centre):
        await centre.start(ring("all", "a"))
        (reply,) = centre.replies(await centre.report("a", "DOWNLOADED", version=2))
        assert (reply.accepted, reply.version, reply.state) == (False, 1, "QUEUED")
        assert reply.reason == "version_mismatch"
        assert centre.job("a").state == "QUEUED"

    async def test_one_said_twice_counts_once(self, centre: Centre):
        await centre.start(ring("all", "a", "b"))
        await centre.report("a", *WAY)
        (reply,) = centre.replies(await centre.report("a", "SUCCEEDED", version=6))
        assert (reply.accepted, reply.version) == (True, 7)
        assert centre.rollout().result.succeeded == 1

    async def test_a_late_success_does_not_change_what_was_decided(self, centre: Centre):
        await centre.start(ring("all", "a", threshold=1.0))
        await centre.report("a", *WAY[:5])
        await centre.wait(1000)
        made = await centre.report("a", "SUCCEEDED", version=6)
        (reply,) = centre.replies(made)
        assert (reply.accepted, reply.reason) == (False, "finished")
        assert centre.record.kind == "activate", (
            "but the record says that the model is in use there"
        )
        assert types(made) == []

    async def test_of_a_job_nobody_knows(self, centre: Centre):
        await centre.start(ring("all", "a"))
        (reply,) = centre.replies(await centre.report("z", "IN_PROGRESS", version=1))
        assert (reply.accepted, reply.reason) == (False, "unknown_job")

    async def test_a_device_cannot_set_the_servers_states(self, centre: Centre):
        await centre.start(ring("all", "a"))
        (reply,) = centre.replies(await centre.report("a", "CANCELLED"))
        assert not reply.accepted
        assert centre.job("a").state == "QUEUED"


class TestOtherRollouts:
    async def test_a_later_version_supersedes_the_one_that_runs(self, centre: Centre):
        await centre.start(ring("all", "a", "b"), rollout="r1", version=1)
        made = await centre.start(ring("all", "a"), rollout="r2", version=2)
        (aborted,) = of(made, DeploymentAborted)
        assert (aborted.rollout_id, aborted.reason) == ("r1", "superseded by r2")
        assert centre.rollout("r1").status == "aborted"
        await centre.report("a", *WAY, rollout="r2")
        assert centre.rollout("r2").status == "completed"

    async def test_an_earlier_version_is_refused(self, centre: Centre):
        await centre.start(ring("all", "a"), rollout="r2", version=2)
        made = await centre.start(ring("all", "a"), rollout="r1", version=1)
        assert types(made) == ["aborted"]
        assert centre.rollout("r2").status == "running"

    async def test_a_stuck_one_of_another_model_holds_nothing_up(self, centre: Centre):
        await centre.start(ring("all", "a"), rollout="r1")
        await centre.send(control("pause"))
        other = ModelRef(name="gearbox", version=1, sha256=centre.artifact.sha256)
        await centre.start(ring("all", "b"), rollout="r2", model=other)
        await centre.report("b", *WAY, rollout="r2")
        assert centre.rollout("r2").status == "completed"

    @pytest.mark.parametrize("silent", [False, True])
    async def test_a_job_behind_another_has_its_time_when_that_one_has_ended(
        self, centre: Centre, silent: bool
    ):
        await centre.start(ring("all", "a"), rollout="r1")
        other = ModelRef(name="gearbox", version=1, sha256=centre.artifact.sha256)
        await centre.start(ring("all", "a"), rollout="r2", model=other)
        for state in WAY:
            await centre.wait(29)
            await centre.report("a", state, rollout="r1")
        assert centre.rollout("r1").status == "completed"
        assert centre.job("a", "r2").state == "QUEUED", "its turn comes now"
        if silent:
            await centre.wait(1000)
            assert centre.job("a", "r2").state == "TIMED_OUT"
        else:
            await centre.report("a", *WAY, rollout="r2")
            assert centre.rollout("r2").status == "completed"

    async def test_the_same_request_again_begins_nothing(self, centre: Centre):
        await centre.start(ring("all", "a"))
        assert await centre.start(ring("all", "a")) == []

    async def test_the_jobs_of_rollouts_long_past_are_forgotten(self, centre: Centre):
        for number in range(1, 9):
            rollout = f"r{number}"
            await centre.start(ring("all", "a"), rollout=rollout, version=number)
            await centre.report("a", *WAY, rollout=rollout)
        assert len(await centre.harness.state_items(deploy, "job/", bytes)) == 5


SENDERS = [
    ("user:operator", True),
    ("user:reader", False),
    ("user:account", True),  # works on the data folder itself
    ("token:rollouts", True),
    ("token:reports", False),
    ("token:hers of reader", False),
    ("device:turbine-1", False),
    ("process:folder", False),
    (None, False),
]


class TestWhoMayAsk:
    @pytest.fixture
    async def known(self, centre: Centre) -> Centre:
        def add(connection: Connection) -> None:
            for role in ("operator", "reader"):
                add_user(connection, role, read_role(role), None, 1)
            for name, user, act in (
                ("rollouts", None, "deploy"), ("reports", None, "read"),
                ("hers", "reader", "deploy"),
            ):  # fmt: skip
                create_token(
                    connection, name, read_acts(act), user=user, types=None, expires=None, now=1
                )

        await centre.harness.runtime.store.write(add)
        return centre

    @pytest.mark.parametrize(("actor", "may"), SENDERS)
    async def test_for_an_abort(self, known: Centre, actor: str | None, may: bool):
        await known.start(ring("all", "a"))
        made = await known.harness.send(control("abort"), actor=actor)
        assert len(of(made, DeploymentAborted)) == may
        letters = [letter.error_class for letter in known.harness.dead_letters]
        assert letters == ([] if may else ["SenderNotPermitted"])

    @pytest.mark.parametrize(("actor", "may"), SENDERS)
    async def test_for_a_rollout(self, known: Centre, actor: str | None, may: bool):
        known.actor = actor
        if may:
            assert types(await known.start(ring("all", "a"))) == ["started", "ring_started"]
            return
        with pytest.raises(AssertionError, match="SenderNotPermitted"):
            await known.start(ring("all", "a"))
        assert known.events == []


class TestWhatCannotBegin:
    @pytest.mark.parametrize("forged", ["never promoted", "another model", "raised counter"])
    async def test_a_model_that_the_ledger_has_not_put_into_use_is_not_signed(
        self, centre: Centre, forged: str
    ):
        request = DeploymentRequested(
            rollout_id="r1",
            model=ModelRef(name="turbine", version=1, sha256=centre.artifact.sha256),
            artifact=centre.artifact,
            counter=2147483647 if forged == "raised counter" else 1,
            plan=RolloutPlan(rings=(ring("all", "a"),)),
            by="alice (administrator)",
            requested_us=0,
        )
        if forged != "never promoted":
            other = {"sha256": "0" * 64} if forged == "another model" else {}
            centre.put_into_use(1, request.model.model_copy(update=other))
        await centre.harness.send(request, actor="user:ann")
        assert centre.harness.outputs(Payload) == []
        (letter,) = centre.harness.dead_letters
        assert letter.error_class == "NotInUse"

    async def test_a_file_that_is_no_model(self, centre: Centre):
        centre.artifact = await centre.harness.put(graph()[:100])
        (aborted,) = of(await centre.start(ring("all", "a")), DeploymentAborted)
        assert "not a scoring model" in aborted.reason

    async def test_an_artifact_that_is_another_model(self, centre: Centre):
        model = ModelRef(name="turbine", version=1, sha256="0" * 64)
        made = await centre.start(ring("all", "a"), model=model)
        assert types(made) == ["aborted"]

    async def test_a_device_in_two_rings(self, centre: Centre):
        made = await centre.start(ring("canary", "a"), ring("all", "a", "b"))
        assert types(made) == ["aborted"]
        assert not of(made, DeploymentStarted)
        assert not of(made, DeploymentJobIssued)

    async def test_a_centre_without_a_key(self, tmp_path: Path):
        async with open_centre(tmp_path, key_file=None) as centre:
            (aborted,) = of(await centre.start(ring("all", "a")), DeploymentAborted)
        assert "lineal deploy key" in aborted.reason


async def test_golden_windows_of_the_trainers_choice_are_taken(centre: Centre):
    import json

    import onnx
    from onnx import helper

    from lineal_consumers.deploy.package import GOLDEN

    model = onnx.load_from_string(graph())
    windows = [[[0.5, -0.25]] * 10, [[3.0, 1.0]] * 10]
    props = {item.key: item.value for item in model.metadata_props}
    helper.set_model_props(model, {**props, GOLDEN: json.dumps({"windows": windows})})
    centre.model = model.SerializeToString()
    centre.artifact = await centre.harness.put(centre.model)
    made = await centre.start(ring("all", "a"))
    package = of(made, DeploymentStarted)[0].package
    golden = json.loads(SignedPackage.model_validate(package).manifest)["golden"]
    assert [window["values"] for window in golden] == windows
    assert [window["score"] for window in golden] == pytest.approx([0.375, 2.0])
