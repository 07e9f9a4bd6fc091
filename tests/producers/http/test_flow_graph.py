"""The graph of the flow names the stages that have had events; the others are asked for."""

from __future__ import annotations

from lineal.access.acts import acts_of
from lineal.runtime import Runtime
from lineal_schemas.envelope import first_event
from lineal_schemas.telemetry import TelemetryGap
from tests.producers.http.test_diagram_pages import browser
from tests.producers.http.test_reviews import token


async def test_only_what_has_had_events_is_not_quiet(runtime: Runtime) -> None:
    headers = await token(runtime, "ann", *acts_of("operator"))

    async def loud() -> tuple[set[str], set[str]]:
        async with browser(runtime, headers) as client:
            drawn = (await client.get("/console/flow/graph")).json()
            page = (await client.get("/console/flow")).text
        nodes = {node["id"]: node for node in drawn["nodes"]}
        for name, node in nodes.items():
            if node["kind"] == "stage":  # the table says the same
                assert (f'id="stage-{name}" class="quiet"' in page) == node["quiet"], name
        for edge in drawn["edges"]:
            assert edge["from"] in nodes and edge["to"] in nodes
        return (
            {name for name, node in nodes.items() if not node["quiet"]},
            {edge["title"] for edge in drawn["edges"] if not edge["quiet"]},
        )

    assert await loud() == (set(), set())
    gap = TelemetryGap(
        device="pump-1", boot_id="b" * 32, first_seq=1, last_seq=2, reason="queue_full", wall_us=1
    )
    await runtime.bus.publish([(gap.type, first_event(gap, id="gap", source="test"))])
    nodes, types = await loud()
    assert types == {"telemetry.gap"}
    assert "devices" in nodes
    assert nodes.isdisjoint({"ocr", "register", "retrain"})


async def test_ways_back_do_not_turn_the_order_of_the_stages_around(runtime: Runtime) -> None:
    async with browser(runtime, await token(runtime, "ann", *acts_of("operator"))) as client:
        drawn = (await client.get("/console/flow/graph")).json()
        german = await client.get("/console/flow/graph", headers={"accept-language": "de"})
    ways = {(edge["from"], edge["to"]): edge["back"] for edge in drawn["edges"]}
    for forward in (("register", "classify"), ("classify", "ocr.scatter"), ("ocr.scatter", "ocr"),
                    ("ocr", "ocr.gather"), ("ocr.gather", "nlp"), ("nlp", "index"),
                    ("nlp", "review"), ("retrain.collect", "retrain")):  # fmt: skip
        assert ways[forward] is False, forward
    for back in (("ocr.attachments", "register"), ("review", "nlp"), ("retrain.promote", "drift")):
        assert ways.get(back, True), back
    assert (">register", "register") in ways  # where documents come in
    assert "von außen" in {node["label"] for node in german.json()["nodes"]}
