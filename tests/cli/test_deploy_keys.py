"""Keys and roots that sign what devices install."""

from __future__ import annotations

import asyncio
import base64
import stat
from pathlib import Path

import pytest

from lineal.lineage.actor import acting_user
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_consumers.deploy.keys import public_key, read_key
from lineal_schemas.deployments import (
    DeploymentRequested,
)
from tests.cli.conftest import Lineal
from tests.cli.rollouts import folder_with_devices, handle, published
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


class TestRoot:
    """Two people sign packages, and change who may."""

    def test_from_the_first_root_to_a_rollout_with_two_signatures(
        self, lineal: Lineal, folder: Path, key: Path, working: Path
    ):
        public = {}
        for name in ("ann", "ben", "old", "new"):
            made = lineal("deploy", "key", working / f"{name}.pem", "--json")
            public[name] = made.json["public_key"]
        own = public_key(read_key(key)).key
        draft = working / "1.json"
        done = lineal(
            "deploy", "root", "draft", draft, "--root-key", public["ann"], "--root-key",
            public["ben"], "--root-threshold", 2, "--package-key", own, "--package-key",
            public["old"], "--package-threshold", 2,
        )  # fmt: skip
        assert done.code == 0, done.err
        assert lineal("deploy", "root", "sign", draft, "--key", working / "ann.pem").code == 0
        refused = lineal("deploy", "root", "publish", draft)
        assert refused.code == 1
        assert "too few signatures" in refused.err
        assert lineal("deploy", "root", "show").code == 1
        assert lineal("deploy", "root", "sign", draft, "--key", working / "ben.pem").code == 0
        assert lineal("deploy", "root", "publish", draft).code == 0

        second = working / "2.json"
        lineal(
            "deploy", "root", "draft", second, "--package-key", own, "--package-key",
            public["new"], "--reset-counters",
        )  # fmt: skip
        for name in ("ann", "ben"):
            lineal("deploy", "root", "sign", second, "--key", working / f"{name}.pem")
        assert lineal("deploy", "root", "publish", second).code == 0
        shown = lineal("deploy", "root", "show", "--out", working / "root.json", "--json").json
        assert (shown["version"], shown["epoch"]) == (2, 1)
        assert shown["published_by"] == acting_user()
        assert shown["roles"]["targets"]["threshold"] == 2
        assert (working / "root.json").read_bytes() == second.read_bytes()

        lineal("deploy", "start", "turbine")
        handle(folder, key)
        [rollout] = lineal("deploy", "status", "--json").json
        assert rollout["status"] == "unsigned"
        for name in ("old", "new"):
            done = lineal(
                "deploy", "sign", rollout["rollout"], "--key", working / f"{name}.pem", "--yes"
            )
            assert done.code == 0, done.err
            handle(folder, key)
            [now] = lineal("deploy", "status", "--json").json
            assert now["status"] == ("running" if name == "new" else "unsigned")
        again = lineal("deploy", "sign", rollout["rollout"], "--key", working / "new.pem", "--yes")
        assert again.code == 1
        assert "waits for nobody" in again.err

    def test_a_model_that_is_in_use_no_more_is_not_signed(
        self, lineal: Lineal, folder: Path, key: Path, working: Path
    ):
        other = lineal("deploy", "key", working / "ann.pem", "--json").json["public_key"]
        draft = working / "1.json"
        lineal(
            "deploy", "root", "draft", draft, "--root-key", other, "--package-key", other,
            "--package-key", public_key(read_key(key)).key, "--package-threshold", 2,
        )  # fmt: skip
        lineal("deploy", "root", "sign", draft, "--key", working / "ann.pem")
        lineal("deploy", "root", "publish", draft)
        lineal("deploy", "start", "turbine")
        handle(folder, key)
        [rollout] = lineal("deploy", "status", "--json").json

        async def promote_another() -> None:
            async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
                model = graph(factor=2.0)
                await runtime.objects.put_large(model)
                await runtime.committer.publish((), promotion_record(promoted_turbine(model, 3)))

        asyncio.run(promote_another())
        done = lineal("deploy", "sign", rollout["rollout"], "--key", working / "ann.pem", "--yes")
        assert done.code == 1
        assert "nothing was signed" in done.err


@pytest.mark.parametrize("named", [False, True])
def test_without_a_key_nothing_is_asked_for_and_what_to_do_is_said(
    lineal: Lineal, folder: Path, working: Path, named: bool
):
    (working / "stage.pem").unlink()
    if not named:
        (working / "lineal.toml").unlink()
    refused = lineal("deploy", "start", "turbine")
    assert refused.code == 1
    assert "`lineal deploy key`" in refused.err
    assert "--signed-elsewhere" in refused.err
    assert lineal("deploy", "start", "turbine", "--signed-elsewhere").code == 0
    assert len(published(folder, DeploymentRequested)) == 1


def test_a_rollout_that_no_key_signs_is_said_to_be_refused(
    lineal: Lineal, folder: Path, working: Path
):
    (working / "lineal.toml").unlink()
    assert lineal("deploy", "start", "turbine", "--signed-elsewhere").code == 0
    handle(folder, None)
    [refused] = lineal("deploy", "status", "--json").json
    assert (refused["model"], refused["status"]) == ("turbine", "rejected")
    assert "no key is configured" in refused["reason"]
    assert "no key is configured" in lineal("deploy", "status").text
    shown = lineal("deploy", "status", refused["rollout"])
    assert shown.code == 1
    assert "no key is configured" in shown.err
