"""``lineal deploy``: asking for rollouts, looking at them, and stopping them."""

from __future__ import annotations

import asyncio
import base64
import stat
from pathlib import Path

import pytest

from lineal.lineage.actor import acting_user
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_consumers.deploy.stage import deploy
from lineal_schemas.deployments import (
    DeploymentControl,
    DeploymentJobUpdated,
    DeploymentRequested,
)
from lineal_schemas.envelope import decode, first_event
from lineal_schemas.ids import job_id
from lineal_schemas.models import ModelPromoted, ModelRef, ModelRolledBack
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import DeviceBirth
from tests.cli.conftest import Lineal
from tests.conformance.harness import events_on, running, until_settled
from tests.edge.update.graphs import graph
from tests.lineage.promotions import promotion_record

DEVICES = [f"turbine-{number:02}" for number in range(1, 13)]


@pytest.fixture
def folder(working: Path) -> Path:
    """A data folder with twelve devices and a promoted model in it."""
    data = working / "data"
    asyncio.run(_fill(data))
    return data


async def _fill(data: Path) -> None:
    async with open_runtime(Settings(data=data, durability="normal")) as runtime:
        model = graph()
        await runtime.objects.put_large(model)
        for version in (1, 2):
            change = _promoted(model, version)
            await _publish(runtime, change, f"promotion-{version}")
            await runtime.committer.publish((), promotion_record(change))
        for device in DEVICES:
            birth = DeviceBirth(
                device=device, boot_id="0" * 32, session=1, monotonic_us=1, wall_us=1,
                agent_version="1", agent_digest="0" * 64, config_digest="0" * 64,
            )  # fmt: skip
            await _publish(runtime, birth, birth.event_id)


def _promoted(model: bytes, version: int) -> ModelPromoted:
    import hashlib

    digest = hashlib.sha256(model).hexdigest()
    return ModelPromoted(
        name="turbine",
        model=ModelRef(name="turbine", version=version, sha256=digest),
        how="manual",
        by="ann",
        counter=version,
        artifact=ObjectRef(
            uri=f"lineal:objects/{digest}", sha256=digest, bytes=len(model), media_type="x/y"
        ),
    )


async def _publish(runtime: Runtime, payload: Payload, identity: str) -> None:
    event = first_event(payload, id=identity, source="test", actor="user:ann")
    await runtime.bus.publish([(event.type, event)])


def handle(data: Path, key: Path, *payloads: Payload) -> None:
    """Let the stage handle what has been asked for, and these."""

    async def run() -> None:
        stages = {"deploy": {"key_file": str(key)}}
        async with open_runtime(Settings(data=data, durability="normal", stages=stages)) as runtime:
            for kind in deploy.inputs:
                await runtime.bus.create_topic(kind.type)
            for payload in payloads:
                await _publish(runtime, payload, f"{payload}")
            async with running(runtime, runtime.bind(deploy, InThisProcess())):
                await until_settled(runtime, "deploy")

    asyncio.run(run())


class InThisProcess:
    async def run(self, function, *arguments, **options):
        return function(*arguments)


def published(data: Path, kind: type[Payload]) -> list[Payload]:
    async def read() -> list[Payload]:
        async with open_runtime(Settings(data=data, durability="normal")) as runtime:
            return [decode(event).data for event in await events_on(runtime, kind.type)]

    return asyncio.run(read())


@pytest.fixture
def key(lineal: Lineal, working: Path) -> Path:
    file = working / "deploy.pem"
    assert lineal("deploy", "key", file).code == 0
    return file


class TestKey:
    def test_it_is_made_once_and_only_its_owner_reads_it(self, lineal: Lineal, working: Path):
        done = lineal("deploy", "key", "--json")
        file = working / done.json["file"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(base64.b64decode(done.json["public_key"])) == 32
        again = lineal("deploy", "key")
        assert again.code == 1
        assert "never overwritten" in again.err

    def test_it_says_what_to_put_where(self, lineal: Lineal):
        text = lineal("deploy", "key").text
        assert "[stages.deploy]" in text
        assert "[update.trusted_keys]" in text
        assert "PRIVATE" not in text


class TestStart:
    def test_without_rings_a_tenth_of_the_devices_is_the_canary(self, lineal: Lineal, folder: Path):
        done = lineal("deploy", "start", "turbine", "--json").json
        assert done["version"] == 2
        canary, rest = done["rings"]
        assert (canary["name"], canary["devices"]) == ("canary", DEVICES[:2])
        assert (rest["name"], rest["devices"]) == ("all", DEVICES[2:])
        (request,) = published(folder, DeploymentRequested)
        assert isinstance(request, DeploymentRequested)
        assert request.rollout_id == done["rollout"]
        assert request.counter == 2
        assert request.by

    def test_rings_thresholds_and_times_can_be_said(self, lineal: Lineal, folder: Path):
        done = lineal(
            "deploy", "start", "turbine", "--ring", "lab=turbine-07,bench-1", "--ring",
            "first=turbine-0*", "--ring", "rest=*", "--threshold", "rest=0.25", "--timeout",
            "soak=30", "--soak", "50", "--json",
        )  # fmt: skip
        rings = {ring["name"]: ring for ring in done.json["rings"]}
        assert rings["lab"]["devices"] == ["turbine-07", "bench-1"]
        assert "turbine-07" not in rings["first"]["devices"]
        assert len(rings["first"]["devices"]) == 8
        assert rings["rest"]["devices"] == DEVICES[9:]
        assert rings["rest"]["error_threshold"] == 0.25
        (request,) = published(folder, DeploymentRequested)
        assert isinstance(request, DeploymentRequested)
        assert request.plan.timeouts.soak == 30
        assert request.plan.soak_readings == 50

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["gearbox"], "no version of gearbox is in use"),
            (["turbine", "--version", "1"], "version 2 of turbine is in use, not 1"),
            (["turbine", "--ring", "a=pump-*"], "no device is called pump-*"),
            (["turbine", "--ring", "a"], "is not KEY=VALUE"),
            (["turbine", "--threshold", "nobody=0.1"], "there is no ring nobody"),
            (["turbine", "--threshold", "all=2"], "is no such number"),
            (["turbine", "--timeout", "lunch=3"], "there is no step lunch"),
            (["turbine", "--timeout", "soak=0"], "above 0"),
        ],
    )
    def test_what_cannot_be_is_said(
        self, lineal: Lineal, folder: Path, arguments: list[str], said: str
    ):
        done = lineal("deploy", "start", *arguments)
        assert done.code != 0
        assert said in done.err
        assert published(folder, DeploymentRequested) == []

    def test_a_model_that_was_rolled_back_is_not_sent_out(self, lineal: Lineal, folder: Path):
        one = _promoted(graph(), 1)
        back = ModelRolledBack(
            name="turbine", model=one.model, withdrawn=_promoted(graph(), 2).model, by="ann",
            reason="false alarms", counter=3, artifact=one.artifact,
        )  # fmt: skip

        async def publish() -> None:
            async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
                await _publish(runtime, back, "back")

        asyncio.run(publish())
        assert lineal("deploy", "start", "turbine", "--json").json["version"] == 1


class TestUnderWay:
    @pytest.fixture
    def rollout(self, lineal: Lineal, folder: Path, key: Path) -> str:
        done = lineal(
            "deploy", "start", "turbine", "--ring", "canary=turbine-01", "--ring",
            "rest=turbine-02,turbine-03", "--json",
        )  # fmt: skip
        handle(folder, key)
        return str(done.json["rollout"])

    def test_it_is_listed(self, lineal: Lineal, rollout: str):
        (listed,) = lineal("deploy", "status", "--json").json
        assert listed["rollout"] == rollout
        assert (listed["model"], listed["version"]) == ("turbine", 2)
        assert (listed["status"], listed["ring"]) == ("running", "canary")
        text = lineal("deploy", "status").text
        assert "turbine 2" in text
        assert "running" in text

    def test_one_is_shown_with_its_devices(
        self, lineal: Lineal, folder: Path, key: Path, rollout: str
    ):
        update = DeploymentJobUpdated(
            rollout_id=rollout, job_id=job_id(rollout, "turbine-01"), device="turbine-01",
            state="FAILED", expected_version=1, model=_promoted(graph(), 2).model,
            reason="no_space", wall_us=1,
        )  # fmt: skip
        handle(folder, key, update)
        shown = lineal("deploy", "status", rollout[:8], "--json").json
        assert (shown["status"], shown["reason"]) == ("aborted", "error_threshold")
        assert [(job["device"], job["state"], job["reason"]) for job in shown["jobs"]] == [
            ("turbine-01", "FAILED", "no_space")
        ]
        text = lineal("deploy", "status", rollout).text
        assert "no_space" in text
        assert "error_threshold" in text

    def test_it_is_paused_resumed_and_aborted(
        self, lineal: Lineal, folder: Path, key: Path, rollout: str
    ):
        for action, status in (("pause", "paused"), ("resume", "running"), ("abort", "aborted")):
            done = lineal("deploy", action, rollout[:10], "--json")
            assert done.json == {"rollout": rollout, "action": action}
            handle(folder, key)
            assert lineal("deploy", "status", rollout, "--json").json["status"] == status
        controls = published(folder, DeploymentControl)
        assert [c.action for c in controls if isinstance(c, DeploymentControl)] == [
            "pause", "resume", "abort",
        ]  # fmt: skip
        over = lineal("deploy", "pause", rollout)
        assert over.code == 1
        assert "aborted already" in over.err

    def test_an_account_that_is_a_user_with_another_role_is_refused(
        self, lineal: Lineal, folder: Path, rollout: str
    ):
        """Before the stage is asked, which would refuse it as well."""
        account = acting_user().removeprefix("user:")
        assert lineal("user", "add", account, "reader", "--no-password").code == 0
        for command in (
            ["deploy", "start", "turbine"],
            ["deploy", "abort", rollout],
            ["replay", "--stage", "register"],
        ):
            refused = lineal(*command)
            assert refused.code == 1
            assert f"user:{account} may not {command[0]}" in refused.err
        assert published(folder, DeploymentControl) == []
        assert lineal("user", "role", account, "operator").code == 0
        assert lineal("deploy", "abort", rollout).code == 0

    def test_what_is_not_paused_cannot_be_resumed(self, lineal: Lineal, rollout: str):
        done = lineal("deploy", "resume", rollout)
        assert done.code == 1
        assert "is not paused" in done.err

    def test_a_rollout_nobody_began_is_said_so(self, lineal: Lineal, rollout: str):
        done = lineal("deploy", "abort", "zzz")
        assert done.code == 1
        assert "no rollout zzz" in done.err


def test_without_rollouts_there_is_nothing_to_list(lineal: Lineal, folder: Path):
    assert lineal("deploy", "status").code == 0
    assert lineal("deploy", "status", "--json").json == []
