"""The graph of the flow names the stages that have had events; the others are asked for."""

from __future__ import annotations

import re

from lineal.access.acts import acts_of
from lineal.bus.protocol import Selection
from lineal.effects.records import lineage_records
from lineal.lineage.record import Build, StepEntry, record_of
from lineal.runtime import Runtime
from lineal_schemas.envelope import first_event
from lineal_schemas.telemetry import DeviceCloned, TelemetryGap
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


_OLDEST = Selection(event_ids=frozenset({"gap-1"}))


async def _handled(runtime: Runtime, count: int) -> None:
    """A device's gaps, each of which ``devices`` has handled, which emitted something else."""
    gaps = [
        TelemetryGap(device="pump-1", boot_id="b" * 32, first_seq=number, last_seq=number,
                     reason="queue_full", wall_us=number)
        for number in range(1, count + 1)
    ]  # fmt: skip
    events = [first_event(gap, id=f"gap-{gap.first_seq}", source="test") for gap in gaps]
    await runtime.bus.publish([(event.type, event) for event in events])
    cloned = DeviceCloned(device="pump-1", boot_id="a" * 32, other_boot_id="b" * 32)
    made = first_event(cloned, id="made-1", source="test")
    await runtime.bus.publish([(made.type, made)])
    build = Build("devices", "1", "c" * 64, "f" * 64)
    records = [
        record_of(
            StepEntry("device:pump-1", number, events_in=(f"gap-{number}",),
                      events_out=(f"made-{number}",)),
            build=build, actor="stage:devices", worker="w",
        )
        for number in range(1, count + 1)
    ]  # fmt: skip
    await runtime.committer.publish([], lineage_records(records))
    await runtime.flush_ledger()


async def test_an_event_says_what_it_caused_however_long_the_story_of_its_device_is(
    runtime: Runtime,
) -> None:
    await _handled(runtime, 2100)
    async with browser(runtime, await token(runtime, "ann", *acts_of("operator"))) as client:
        [first] = [place async for place in runtime.bus.read("telemetry.gap", _OLDEST)]
        page = (
            await client.get(f"/console/flow/events/{first.position.partition}/0/telemetry.gap")
        ).text
        assert "No stage has handled it yet" not in page
        [link] = re.findall(r'href="(/console/flow/event/[^"]+)"', page)
        [graph] = re.findall(r'data-graph="([^"]+)"', page)
        drawn = (await client.get(graph)).json()
        assert [node["label"] for node in drawn["nodes"] if node["kind"] == "step"] == ["devices 1"]
        found = await client.get(link)
        assert (await client.get("/console/flow/event/made-2")).status_code == 404  # not published
        assert re.fullmatch(r"/console/flow/events/\d+/0/device\.cloned", found.headers["location"])
