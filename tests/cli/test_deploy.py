"""``lineal deploy``: asking for rollouts, looking at them, and stopping them."""

from __future__ import annotations

import asyncio
import zipfile
from pathlib import Path

import pytest

from lineal.lineage.actor import acting_user
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_consumers.devices.stage import devices as register_of_devices
from lineal_schemas.deployments import (
    DeploymentControl,
    DeploymentJobUpdated,
    DeploymentRequested,
)
from lineal_schemas.ids import job_id
from lineal_schemas.models import ModelRolledBack
from lineal_schemas.telemetry import DeviceBirth
from tests.cli.conftest import Lineal
from tests.cli.rollouts import DEVICES, folder_with_devices, handle, published, send
from tests.conformance.harness import running, until_settled
from tests.edge.update.graphs import graph
from tests.lineage.promotions import promoted_turbine, promotion_record


@pytest.fixture
def folder(working: Path) -> Path:
    return folder_with_devices(working)


@pytest.fixture
def key(lineal: Lineal, working: Path) -> Path:
    file = working / "deploy.pem"
    assert lineal("deploy", "key", file).code == 0
    return file


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
        one = promoted_turbine(graph(), 1)
        back = ModelRolledBack(
            name="turbine", model=one.model, withdrawn=promoted_turbine(graph(), 2).model, by="ann",
            reason="false alarms", counter=3, artifact=one.artifact,
        )  # fmt: skip

        async def publish() -> None:
            async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
                await send(runtime, back, "back")
                await runtime.committer.publish((), promotion_record(back))

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
            state="FAILED", expected_version=1, model=promoted_turbine(graph(), 2).model,
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


def test_a_model_goes_only_to_devices_that_measure_what_it_scores(lineal: Lineal, folder: Path):
    async def connect() -> None:
        async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
            for device, features in (("mill-1", ("rps", "voltage", "wind")), ("pump-1", ("rps",))):
                birth = DeviceBirth(
                    device=device, boot_id="0" * 32, session=1, monotonic_us=1, wall_us=1,
                    agent_version="1", agent_digest="0" * 64, config_digest="0" * 64,
                    features=features,
                )  # fmt: skip
                await send(runtime, birth, birth.event_id)

    asyncio.run(connect())
    started = lineal("deploy", "start", "turbine", "--json").json
    chosen = [device for ring in started["rings"] for device in ring["devices"]]
    assert sorted(chosen) == ["mill-1", *DEVICES]
    assert started["left_out"] == {"pump-1": "it measures no voltage"}
    assert "left out pump-1: it measures no voltage" in lineal("deploy", "start", "turbine").err
    by_name = lineal("deploy", "start", "turbine", "--ring", "one=pump-1")
    assert by_name.code == 1
    assert "it is not for pump-1: it measures no voltage" in by_name.err


def test_devices_are_listed_and_chosen_by_their_attributes(lineal: Lineal, folder: Path):
    attributes = {
        "mill-1": {"site": "berlin", "kind": "mill"},
        "mill-2": {"site": "bern", "kind": "mill"},
        "fan-1": {"site": "berlin", "kind": "turbine"},
    }

    async def connect() -> None:
        async with (
            open_runtime(Settings(data=folder, durability="normal")) as runtime,
            running(runtime, runtime.bind(register_of_devices)),
        ):
            for device, values in attributes.items():
                birth = DeviceBirth(
                    device=device, boot_id="0" * 32, session=1, monotonic_us=1, wall_us=1,
                    agent_version="2.0", agent_digest="0" * 64, config_digest="0" * 64,
                    attributes=values, certificate_expires_us=1,
                )  # fmt: skip
                await send(runtime, birth, birth.event_id)
            await until_settled(runtime, "devices")

    asyncio.run(connect())
    here = lineal("device", "list", "--where", "site=berlin", "--json").json
    assert [item["device"] for item in here] == ["fan-1", "mill-1"]
    assert here[1]["attributes"] == {"site": "berlin", "kind": "mill", "firmware": "2.0"}
    listed = lineal("device", "list", "--where", "firmware=2.*")
    assert "site=bern" in listed.text
    assert "the certificate of mill-1 has expired" in listed.err
    groups = lineal("device", "list", "--group", "site", "--json").json
    assert [(item["site"], len(item["devices"])) for item in groups] == [
        ("berlin", 2), ("bern", 1), (None, len(DEVICES)),
    ]  # fmt: skip
    started = lineal("deploy", "start", "turbine", "--where", "site=ber*", "--json").json
    assert [ring["devices"] for ring in started["rings"]] == [["fan-1"]]
    assert started["left_out"]["mill-1"] == "its kind is mill"
    assert started["left_out"][DEVICES[0]] == "it has no site"
    none = lineal("deploy", "start", "turbine", "--where", "site=paris")
    assert none.code == 1
    assert "for no device here" in none.err


def test_a_release_of_the_agent_is_sent_by_rings(lineal: Lineal, folder: Path, working: Path):
    wheel = working / "lineal_edge-0.2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("lineal_edge/__init__.py", "")
    empty = lineal("deploy", "agent", working / "nothing.whl")
    assert (empty.code, "nothing.whl is not there" in empty.err) == (1, True)
    asked = lineal("deploy", "agent", wheel, "--ring", "lab=turbine-01", "--soak", "5", "--json")
    assert asked.json["agent_version"] == "0.2.0"
    handle(folder, working / "stage.pem")
    [listed] = lineal("deploy", "status", "--json").json
    assert (listed["kind"], listed["status"], listed["version"]) == ("agent", "running", 1)
    assert "lineal-edge 0.2.0" in lineal("deploy", "status").text
    assert "deploy" in lineal("lineage", "--object", asked.json["sha256"]).text
    assert lineal("deploy", "abort", listed["rollout"]).code == 0
    (working / "stage.pem").unlink()
    assert lineal("deploy", "agent", wheel).code == 1


def test_a_removed_device_is_in_no_rollout(lineal: Lineal, folder: Path):
    async def fill_register() -> None:
        async with (
            open_runtime(Settings(data=folder, durability="normal")) as runtime,
            running(runtime, runtime.bind(register_of_devices)),
        ):
            await until_settled(runtime, "devices")

    asyncio.run(fill_register())
    assert lineal("device", "remove", "pump-99").code == 1
    assert lineal("device", "remove", DEVICES[3], "--reason", "scrapped").code == 0
    started = lineal("deploy", "start", "turbine", "--json").json
    chosen = [device for ring in started["rings"] for device in ring["devices"]]
    assert sorted(chosen) == [device for device in DEVICES if device != DEVICES[3]]
    asyncio.run(fill_register())
    left = [item["device"] for item in lineal("device", "list", "--json").json]
    assert left == sorted(chosen)
