"""The bill of materials names everything that is installed, each once, with its licence."""

from __future__ import annotations

import json
from importlib.metadata import version

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from lineal_local.sbom import bill_of_materials


def test_what_is_installed_is_named_with_version_and_licence() -> None:
    bill = bill_of_materials()
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    components = {item["name"]: item for item in bill["components"]}
    assert len(components) == len(bill["components"])
    assert components["pydantic"]["purl"] == f"pkg:pypi/pydantic@{version('pydantic')}"
    assert "LGPL" in str(components["psycopg"]["licenses"])
    references = {item["bom-ref"] for item in bill["components"]}
    for entry in bill["dependencies"]:
        assert entry["ref"] in references
        assert set(entry["dependsOn"]) <= references
    assert bill["metadata"]["component"]["name"] == "lineal"


def test_it_is_valid_by_the_official_schema() -> None:
    """That of CycloneDX 1.6, as its own Python library brings it."""
    validate = JsonStrictValidator(SchemaVersion.V1_6)
    assert validate.validate_str(json.dumps(bill_of_materials())) is None
    wrong = bill_of_materials()
    wrong["components"][0]["type"] = "thing"
    assert validate.validate_str(json.dumps(wrong)) is not None
