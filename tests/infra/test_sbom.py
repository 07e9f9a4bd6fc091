"""The bill of materials names everything that is installed, each once, with its licence."""

from __future__ import annotations

from importlib.metadata import version

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
