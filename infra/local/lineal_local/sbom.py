"""What is installed, as a CycloneDX 1.6 bill of materials (ECMA-424) in JSON.

python -m lineal_local.sbom [FILE]
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

_MAX_NAME = 64
"""Characters of a licence's name; what is longer is its text."""
_SPDX = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")


def bill_of_materials() -> dict[str, Any]:
    """All installed distributions, lineal itself as what they belong to."""
    found = {_name(item): item for item in distributions() if item.metadata["Name"]}
    own = found.pop("lineal", None)
    components = [_component(item) for _, item in sorted(found.items())]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {} if own is None else {"component": _component(own) | {"type": "application"}},
        "components": components,
        "dependencies": [
            {"ref": _purl(item), "dependsOn": sorted(_required(item, found))}
            for _, item in sorted(found.items())
        ],
    }


def _component(item: Distribution) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": _purl(item),
        "name": _name(item),
        "version": item.version,
        "purl": _purl(item),
    }
    if licences := _licences(item):
        component["licenses"] = licences
    return component


def _stated(item: Distribution, field: str) -> str | None:
    """The first value of a field; the protocol of the metadata has no ``get``."""
    return next(iter(item.metadata.get_all(field) or ()), None)


def _licences(item: Distribution) -> list[dict[str, Any]]:
    stated = _stated(item, "License-Expression")
    if stated and _SPDX.fullmatch(stated):
        return [{"expression": stated}]
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in item.metadata.get_all("Classifier") or ()
        if line.startswith("License ::")
    ]
    stated = _stated(item, "License")
    if not classifiers and stated and len(stated) <= _MAX_NAME:
        classifiers = [stated.strip()]
    return [{"license": {"name": name}} for name in sorted(set(classifiers))]


def _required(item: Distribution, found: dict[str, Distribution]) -> set[str]:
    names = {_normal(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in item.requires or ()}
    return {_purl(found[name]) for name in names & found.keys()}


def _name(item: Distribution) -> str:
    return _normal(item.metadata["Name"])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _purl(item: Distribution) -> str:
    return f"pkg:pypi/{_name(item)}@{item.version}"


def main() -> None:
    """Write it to the file that is named, or to standard output."""
    text = json.dumps(bill_of_materials(), indent=2) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
