"""JSON Schemas for kubeconform, made from what Kubernetes and KEDA publish in their Go modules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.toolchains import go_module

KUBERNETES = ("k8s.io/kubernetes", "v1.34.0")
KEDA = ("github.com/kedacore/keda/v2", "v2.18.0")
LOCATION = "{{ .ResourceKind }}-{{ .Group }}-{{ .ResourceAPIVersion }}.json"
_KINDS = {
    "ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount",
    "StatefulSet",
}  # fmt: skip
_CUSTOM = "config/crd/bases/keda.sh_scaledobjects.yaml"


def write_schemas(folder: Path) -> None:
    """Write a schema for each kind that we use; fields that a kind does not have are errors."""
    swagger = go_module(*KUBERNETES) / "api/openapi-spec/swagger.json"
    definitions = json.loads(swagger.read_bytes())["definitions"]
    for name, definition in definitions.items():
        for kind in definition.get("x-kubernetes-group-version-kind", []):
            if kind["kind"] in _KINDS:
                needed = _reached(name, definitions)
                schema = {
                    "$ref": f"#/definitions/{name}",
                    "definitions": {each: _strict(definitions[each]) for each in needed},
                }
                _write(folder, kind["kind"], kind["group"], kind["version"], schema)
    custom = yaml.safe_load((go_module(*KEDA) / _CUSTOM).read_text())["spec"]
    for version in custom["versions"]:
        schema = _strict(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        _write(folder, custom["names"]["kind"], custom["group"], version["name"], schema)


def _write(folder: Path, kind: str, group: str, version: str, schema: dict[str, Any]) -> None:
    # kubeconform takes the first part of apiVersion for the group, also where there is none
    name = f"{kind.lower()}-{group or version}-{version}.json"
    (folder / name).write_text(json.dumps(schema))


def _reached(name: str, definitions: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    queue = [name]
    while queue:
        each = queue.pop()
        if each not in found:
            found.add(each)
            parts = json.dumps(definitions[each]).split('"#/definitions/')[1:]
            queue += [part.partition('"')[0] for part in parts]
    return found


def _strict(node: Any) -> Any:
    """A schema of OpenAPI as one of JSON Schema that takes no other fields than it names."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == "int-or-string" or node.get("x-kubernetes-int-or-string"):
        return {"type": ["string", "integer"]}
    made = {key: _strict(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and "additionalProperties" not in node:
        made["additionalProperties"] = bool(node.get("x-kubernetes-preserve-unknown-fields"))
    return made
