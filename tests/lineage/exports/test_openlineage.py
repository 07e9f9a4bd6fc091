"""OpenLineage run events, validated against the official schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from lineal.lineage.exports.openlineage import run_events
from lineal.lineage.graph import lineage_graph
from lineal.lineage.record import RecordedStep
from tests.lineage.exports.lineages import LETTER, lineages

SCHEMAS = [
    orjson.loads(file.read_bytes())
    for file in sorted(Path(__file__).with_name("openlineage_spec").glob("*.json"))
]
REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS
)


def problems(schema_url: str, value: Any) -> list[str]:
    """What a schema has against a value; a URL that names none of the official ones is an error."""
    validator = Draft202012Validator(
        {"$ref": schema_url},
        registry=REGISTRY,
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    return [error.message for error in validator.iter_errors(value)]


def facets(event: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    holders = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    return [pair for holder in holders for pair in holder["facets"].items()]


def assert_valid(events: list[dict[str, Any]]) -> None:
    for event in orjson.loads(orjson.dumps(events)):
        assert problems(event["schemaURL"], event) == []
        for name, facet in facets(event):
            assert problems(facet["_schemaURL"], facet) == [], name


@given(lineages())
def test_every_event_and_facet_is_valid(steps: list[RecordedStep]) -> None:
    events = run_events(lineage_graph(steps))
    assert_valid(events)
    assert len({event["run"]["runId"] for event in events}) == len(steps)


def test_an_invalid_event_would_be_found() -> None:
    (event, *_) = run_events(lineage_graph(LETTER))
    event["run"]["runId"] = "7"
    assert problems(event["schemaURL"], event)


def test_a_run_says_what_was_read_made_and_which_run_came_before() -> None:
    events = run_events(lineage_graph(LETTER))
    assert [event["job"]["name"] for event in events] == ["register", "read", "erase"]
    register, read, erase = events
    (upstream,) = read["run"]["facets"]["jobDependencies"]["upstream"]
    assert upstream["run"]["runId"] == register["run"]["runId"]
    made = {item["name"] for item in register["outputs"]}
    assert made & {item["name"] for item in read["inputs"]}
    assert read["eventType"] == "FAIL"
    assert read["run"]["facets"]["errorMessage"]["message"] == "Unreadable: no text"
    (model,) = [item for item in read["inputs"] if "lineal_model" in item["facets"]]
    assert model["facets"]["lineal_model"]["name"] == "letters"
    assert erase["run"]["facets"]["lineal_step"]["actor"] == "user:ann"
    (dropped,) = erase["outputs"]
    assert dropped["name"] == "document:letter"
    assert dropped["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "DROP"


def test_a_run_has_the_same_id_in_every_export() -> None:
    whole = run_events(lineage_graph(LETTER))
    part = run_events(lineage_graph(LETTER[1:]))
    assert [event["run"]["runId"] for event in whole[1:]] == [
        event["run"]["runId"] for event in part
    ]
