"""Rollouts of the device agent itself."""

from __future__ import annotations

import base64
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lineal.errors import LinealError
from lineal.testing import StageHarness
from lineal_consumers.deploy import stage
from lineal_consumers.deploy.agent_package import BadRelease, pack_release
from lineal_consumers.deploy.config import DeployConfig
from lineal_consumers.deploy.keys import make_key
from lineal_edge.update.verification import PackageRejected, open_package
from lineal_producers.http.packages import released_model
from lineal_schemas.deployments import (
    AgentManifest,
    DeploymentAborted,
    DeploymentJobIssued,
    DeploymentJobUpdated,
    DeploymentRequested,
    DeploymentStarted,
    PackageManifest,
    RolloutPlan,
)
from lineal_schemas.ids import job_id
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef
from tests.consumers.deploy.centre import of, ring


def wheel(folder: Path, name: str) -> Path:
    file = folder / name
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("lineal_edge/__init__.py", "")
    return file


def asked(artifact: ObjectRef, rollout: str, **fields: Any) -> DeploymentRequested:
    return DeploymentRequested(
        rollout_id=rollout,
        model=ModelRef(name="lineal-edge", version=1, sha256=artifact.sha256),
        artifact=artifact,
        plan=RolloutPlan(rings=(ring("canary", "a"), ring("all", "b", "c"))),
        by="ann",
        requested_us=1,
        kind="agent",
        **fields,
    )


async def test_a_release_goes_to_the_devices_by_rings_signed_numbered_and_on_record(tmp_path: Path):
    key = make_key(tmp_path / "deploy.pem")
    keys = {key.key_id: base64.b64decode(key.key)}
    release = pack_release([wheel(tmp_path, "lineal_edge-0.2.0-py3-none-any.whl")])
    config = DeployConfig(key_file=tmp_path / "deploy.pem")
    async with StageHarness(stage.deploy, config=config) as harness:
        artifact = await harness.put(release)
        for number in (1, 2):
            made = await harness.send(asked(artifact, f"r{number}"), actor="user:ann")
            assert not harness.dead_letters
            [issued] = [e for e in of(made, DeploymentJobIssued) if e.job.state == "QUEUED"]
            assert (issued.device, issued.job.kind) == ("a", "agent")
            manifest = open_package(issued.job.package, keys, AgentManifest)
            assert (manifest.agent_version, manifest.counter) == ("0.2.0", number)
            with pytest.raises(PackageRejected):
                open_package(issued.job.package, keys, PackageManifest)
        assert of(made, DeploymentStarted)[0].kind == "agent"
        record = next(record for record in harness.records if record.kind == "deploy")
        assert (artifact.sha256, "agent") in [(one.sha256, one.role) for one in record.inputs]
        found = await harness.runtime.store.read(lambda c: released_model(c, artifact.sha256))
        assert found is not None, "devices can fetch it"
        await harness.send(
            DeploymentJobUpdated(
                rollout_id="r2", job_id=job_id("r2", "a"), device="a", state="SUCCEEDED",
                expected_version=1, model=manifest.release, wall_us=1,
            )
        )  # fmt: skip
        ended = harness.records[-1]
        assert ended.kind == "activate"
        assert (artifact.sha256, "agent") in [(one.sha256, one.role) for one in ended.inputs]
        given = [e.device for e in of(harness.outputs(DeploymentJobIssued), DeploymentJobIssued)]
        assert given[-2:] == ["b", "c"], "the next ring begins"


async def test_only_an_owner_sends_code_to_devices(tmp_path: Path):
    make_key(tmp_path / "deploy.pem")
    release = pack_release([wheel(tmp_path, "lineal_edge-0.2.0-py3-none-any.whl")])
    config = DeployConfig(key_file=tmp_path / "deploy.pem")
    async with StageHarness(stage.deploy, config=config) as harness:
        artifact = await harness.put(release)
        await harness.send(asked(artifact, "r1"), actor=None)
        assert ["takes sign" in str(letter.traceback) for letter in harness.dead_letters] == [True]


async def test_what_is_no_release_is_refused(tmp_path: Path):
    make_key(tmp_path / "deploy.pem")
    config = DeployConfig(key_file=tmp_path / "deploy.pem")
    async with StageHarness(stage.deploy, config=config) as harness:
        artifact = await harness.put(b"something else")
        made = await harness.send(asked(artifact, "r1"), actor="user:ann")
        [aborted] = of(made, DeploymentAborted)
        assert "no ZIP of wheels" in aborted.reason


def test_a_release_is_the_same_bytes_for_the_same_wheels(tmp_path: Path):
    own = wheel(tmp_path, "lineal_edge-0.2.0-py3-none-any.whl")
    other = wheel(tmp_path, "x-1-py3-none-any.whl")
    assert pack_release([own, other]) == pack_release([other, own])
    with pytest.raises(BadRelease, match="0 wheels of lineal-edge"):
        pack_release([other])
    (tmp_path / "y.whl").write_text("")
    with pytest.raises(LinealError, match="is no wheel"):
        pack_release([own, tmp_path / "y.whl"])
