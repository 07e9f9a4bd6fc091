"""The AsyncAPI document: the official parser accepts it, and it says what the schemas say."""

from __future__ import annotations

import json
import subprocess
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from typer.testing import CliRunner

from lineal_cli.schema import app
from lineal_schemas import asyncapi
from lineal_schemas.asyncapi import document, stale
from lineal_schemas.bindings import to_kafka
from lineal_schemas.catalogue import lineal_payloads
from lineal_schemas.documents import DocumentIndexed
from lineal_schemas.envelope import first_event
from lineal_schemas.export import export, render
from tests.services.missing import skipped_when_unavailable
from tests.toolchains import node, npm_packages

HERE = Path(__file__).parent / "asyncapi"
_ERROR, _WARNING = 0, 1


@cache
def made() -> dict[str, Any]:
    """The document as our models make it."""
    return document()


def parsed(file: Path) -> dict[str, Any]:
    """What the official parser makes of a document."""
    with skipped_when_unavailable():
        packages, program = npm_packages(HERE / "package.json"), node()
    done = subprocess.run(
        [program, HERE / "check.mjs", packages, file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_official_parser_accepts_the_published_document() -> None:
    found = parsed(asyncapi.committed_file())
    worse = [told for told in found["diagnostics"] if told["severity"] <= _WARNING]
    assert worse == []
    for type, model in lineal_payloads().items():
        channel = found["channels"][type]
        assert channel["address"] == ("dead.{group}" if type == "lineal.dead_letter" else type)
        message = next(m for m in channel["messages"] if m["id"] == f"{type}.v{model.version}")
        # the trait is joined to the message's own headers
        assert message["headers"]["properties"]["ce_type"]["const"] == type
        assert "ce_id" in message["headers"]["required"]
        assert message["kafka"]["key"]["type"] == "string"
        schema = model.model_json_schema(mode="validation")
        assert message["required"] == schema.get("required", [])


def test_the_official_parser_finds_what_is_wrong(tmp_path: Path) -> None:
    broken = deepcopy(made())
    broken["channels"]["document.indexed"]["messages"]["x"] = {"$ref": "#/components/messages/x"}
    (tmp_path / "broken.json").write_bytes(render(broken))
    found = parsed(tmp_path / "broken.json")
    assert [told for told in found["diagnostics"] if told["severity"] == _ERROR]


def test_headers_and_payload_of_a_real_record_fit() -> None:
    event = first_event(DocumentIndexed(document_id="d1", pages=2), id="1", source="test:x")
    record = to_kafka(event)
    headers = {name: value.decode() for name, value in record.headers}
    for part in (
        made()["components"]["messageTraits"]["cloudevent"]["headers"],
        made()["components"]["messages"]["document.indexed.v1"]["headers"],
    ):
        Draft7Validator(part).validate(headers)
    payload = made()["components"]["schemas"]["document.indexed.v1"]
    Draft7Validator(payload).validate(json.loads(record.value))
    assert not Draft7Validator(payload).is_valid({"document_id": 5})


def test_each_schema_stands_in_the_document_whole() -> None:
    for schema in made()["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)
    text = json.dumps(made()["components"]["schemas"])
    references = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}
    assert [reference for reference in references if not resolves(reference)] == []


def resolves(reference: str) -> bool:
    """Whether there is a schema in the document where a reference points."""
    node: Any = made()
    for step in reference.removeprefix("#/").split("/"):
        node = node.get(step.replace("~1", "/").replace("~0", "~"))
        if not isinstance(node, dict):
            return False
    return True


def test_every_published_version_of_a_type_is_a_message_of_its_channel() -> None:
    schemas = export()
    older = dict(schemas["document.indexed", 1])
    newer = document({**schemas, ("document.indexed", 2): older})
    assert list(newer["channels"]["document.indexed"]["messages"]) == [
        "document.indexed.v1",
        "document.indexed.v2",
    ]


def test_nobody_else_is_told_to_send_what_lineal_alone_makes() -> None:
    operations = made()["operations"]
    assert operations["receive.document.arrived"]["action"] == "receive"
    assert "send.lineal.dead_letter" in operations
    assert "receive.lineal.dead_letter" not in operations


def test_the_published_document_is_up_to_date() -> None:
    assert stale(asyncapi.committed_file().read_bytes()) is None
    assert stale(None) == "asyncapi.json is not there yet"


def test_the_document_can_be_written_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    assert CliRunner().invoke(app, ["asyncapi", "-o", str(file)]).exit_code == 0
    printed = CliRunner().invoke(app, ["asyncapi", "-o", "-"])
    assert printed.stdout_bytes == file.read_bytes() == render(made())
    missing = CliRunner().invoke(app, ["asyncapi", "-o", str(tmp_path / "no" / "x")])
    assert missing.exit_code == 1
    assert "Choose another" in missing.stderr
