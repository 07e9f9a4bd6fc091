"""The Kubernetes manifests: kustomize builds them, kubeconform finds them valid, no stage lacks."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from lineal.stages.discovery import installed_stages
from lineal.stages.topics import stage_topics
from tests.infra.kubernetes_schemas import KUBERNETES, LOCATION, write_schemas
from tests.services.missing import skipped_when_unavailable
from tests.toolchains import go_program

K8S = Path(__file__).resolve().parents[2] / "infra" / "k8s"


@pytest.fixture(scope="session")
def generator() -> ModuleType:
    spec = spec_from_file_location("stages", K8S / "stages.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", params=["base", "overlays/production"])
def built(request: pytest.FixtureRequest) -> str:
    with skipped_when_unavailable():
        kustomize = go_program("sigs.k8s.io/kustomize/kustomize/v5", "v5.7.1", "kustomize")
    done = subprocess.run(
        [kustomize, "build", K8S / request.param], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # warnings of deprecated fields
    return done.stdout


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    with skipped_when_unavailable():
        write_schemas(folder)
    return folder


def conforms(manifests: str, schemas: Path) -> tuple[int, list[dict[str, Any]]]:
    with skipped_when_unavailable():
        kubeconform = go_program(
            "github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0", "kubeconform"
        )
    done = subprocess.run(
        [kubeconform, "-strict", "-output", "json", "-verbose", "-kubernetes-version",
         KUBERNETES[1].removeprefix("v"), "-schema-location", f"{schemas}/{LOCATION}"],
        input=manifests, capture_output=True, text=True, check=False,
    )  # fmt: skip
    resources: list[dict[str, Any]] = json.loads(done.stdout)["resources"]
    return done.returncode, resources


def objects(manifests: str, kind: str) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(manifests) if item["kind"] == kind]


def test_the_manifests_are_valid(built: str, schemas: Path) -> None:
    code, resources = conforms(built, schemas)
    wrong = [item for item in resources if item["status"] != "statusValid"]
    assert wrong == []
    assert code == 0
    assert {item["kind"] for item in resources} >= {"Deployment", "ScaledObject", "NetworkPolicy"}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("livenessProbe:", "livenessprobe:"), ("pollingInterval: 15", "pollingInterval: often"),
     ("containerPort: 8480", "containerPort: http"), ("maxUnavailable: 1", "atMost: 1")],
)  # fmt: skip
def test_a_mistake_would_be_found(built: str, schemas: Path, right: str, wrong: str) -> None:
    assert right in built
    assert conforms(built.replace(right, wrong), schemas)[0] != 0


def test_every_stage_is_deployed_and_scaled_by_the_lag_of_its_group(built: str) -> None:
    scaled = {}
    for item in objects(built, "ScaledObject"):
        triggers = [trigger["metadata"] for trigger in item["spec"]["triggers"]]
        (group,) = {trigger["consumerGroup"] for trigger in triggers}
        scaled[group] = (item["spec"]["scaleTargetRef"]["name"], triggers)
    deployed = {item["metadata"]["name"]: item for item in objects(built, "Deployment")}
    for name, stage in installed_stages().items():
        target, triggers = scaled[name]
        assert [trigger["topic"] for trigger in triggers] == stage_topics(stage)
        (container,) = deployed[target]["spec"]["template"]["spec"]["containers"]
        assert container["args"][:2] == ["run", name]
        assert "replicas" not in deployed[target]["spec"]  # KEDA's, not ours to set back
    assert scaled.keys() == installed_stages().keys()


def test_pods_have_no_rights_and_say_how_they_are(built: str) -> None:
    deployments = objects(built, "Deployment")
    assert deployments
    guarded = [
        item["spec"]["selector"]["matchLabels"] for item in objects(built, "PodDisruptionBudget")
    ]
    for item in deployments:
        pod = item["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        labels = item["spec"]["template"]["metadata"]["labels"].items()
        assert any(wanted.items() <= labels for wanted in guarded), item["metadata"]["name"]


def test_the_bridge_knows_its_broker(built: str) -> None:
    (bridge,) = (i for i in objects(built, "Deployment") if i["metadata"]["name"] == "bridge")
    (container,) = bridge["spec"]["template"]["spec"]["containers"]
    assert container["args"][0] == "bridge"
    given = {item["name"]: item.get("value") for item in container["env"]}
    assert given["LINEAL_MQTT__URL"] == "$(MQTT_URL)"
    (config,) = objects(built, "ConfigMap")
    assert config["data"]["MQTT_URL"].startswith("mqtts://")
    assert {"secretRef": {"name": "lineal-mqtt"}} in container["envFrom"]


def test_only_deploy_has_the_key_that_signs(built: str) -> None:
    having = []
    for item in objects(built, "Deployment"):
        pod = item["spec"]["template"]["spec"]
        if any("secret" in volume for volume in pod["volumes"]):
            having.append(item["metadata"]["name"])
            (container,) = pod["containers"]
            given = {setting["name"]: setting.get("value") for setting in container["env"]}
            (copy,) = pod["initContainers"]
            assert copy["command"][-1] == given["LINEAL_STAGES__DEPLOY__KEY_FILE"]
            assert "deploy-key" not in {mount["name"] for mount in container["volumeMounts"]}
    assert having == ["stage-deploy"]


def test_one_pod_signs_the_log_and_keeps_its_key(built: str) -> None:
    (item,) = objects(built, "StatefulSet")
    assert item["spec"]["replicas"] == 1
    (container,) = item["spec"]["template"]["spec"]["containers"]
    assert container["args"][:2] == ["log", "follow"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    (claim,) = item["spec"]["volumeClaimTemplates"]
    (config,) = objects(built, "ConfigMap")
    assert mounts[claim["metadata"]["name"]] == config["data"]["LINEAL_DATA"]
    assert config["data"]["LINEAL_LOG__ENABLED"] == "false"


def test_a_restarted_container_has_its_slot_again(built: str) -> None:
    for item in objects(built, "Deployment"):
        (container,) = item["spec"]["template"]["spec"]["containers"]
        (slot,) = (i for i in container["env"] if i["name"] == "LINEAL_KAFKA__MEMBER_ID")
        assert slot["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_no_secret_is_in_the_manifests(built: str) -> None:
    assert objects(built, "Secret") == []
    for item in objects(built, "ConfigMap"):
        assert not {"LINEAL_STORE", "LINEAL_HTTP_TOKEN"} & item["data"].keys()


def test_the_stages_manifests_are_up_to_date(generator: ModuleType) -> None:
    assert generator.FILE.read_text() == generator.manifests(installed_stages()), (
        f"run: {Path(sys.executable).name} infra/k8s/stages.py"
    )
