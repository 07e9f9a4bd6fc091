"""Labelling pages: a time of a device is labelled by its curves, and how it goes is drawn."""

from __future__ import annotations

import re
from uuid import uuid4

from lineal.access.acts import acts_of
from lineal.access.credential import Credential
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.labels.jobs import create_job
from lineal_schemas.envelope import first_event
from lineal_schemas.labels import LabelItem
from lineal_schemas.telemetry import TelemetryReadings
from tests.producers.http.test_diagram_pages import browser
from tests.producers.http.test_reviews import token

BEGIN = 1_764_320_400_000_000
MINUTE = 60_000_000


async def _readings(runtime: Runtime, minutes: int) -> None:
    """One batch of ten readings at the beginning of each minute."""
    for minute in range(minutes):
        batch = TelemetryReadings(
            device="pump-1", boot_id="0" * 32, first_seq=10 * minute + 1, last_seq=10 * minute + 10,
            features=("p",), wall_us=BEGIN + minute * MINUTE, monotonic_us=1,
            offsets_us=tuple(range(0, 10_000_000, 1_000_000)),
            values=tuple((float(minute),) for _ in range(10)),
        )  # fmt: skip
        event = first_event(batch, id=f"b{minute}", source="test", time=batch.wall_us)
        await runtime.bus.publish([(event.type, event)])


async def test_a_time_of_a_device_is_labelled_by_its_curves(runtime: Runtime) -> None:
    await _readings(runtime, 10)
    item = f"pump-1#t={BEGIN + 4 * MINUTE},{BEGIN + 6 * MINUTE}"
    async with browser(runtime, await token(runtime, "ann", *acts_of("operator"))) as client:
        form = {"name": "faults", "items": item, "classes": "bearing,normal"}
        made = await client.post("/console/labels/create", data=form)
        taken = await client.post(f"{made.headers['location']}/take")
        shown = (await client.get(taken.headers["location"])).text
        assert f'data-mark-from="{BEGIN + 4 * MINUTE}"' in shown
        [curves] = re.findall(r'data-curves="([^"]+)"', shown)
        drawn = (await client.get(curves.replace("&amp;", "&"))).json()
        # half as long before it and behind it as it is long, and no more
        assert {value for value in drawn["values"][0] if value is not None} == {3, 4, 5, 6}

        given = await client.post(
            f"{made.headers['location']}/give", data={"item": item, "label": "bearing"}
        )
        assert given.headers["location"] == made.headers["location"]  # nothing is left
        figures = (await client.get("/console/labelling")).text
        assert "Labels given in each hour: 1" in figures
        assert 'aria-label="Labels given in each hour: 1"' in figures


async def test_a_document_is_no_time_of_a_device(runtime: Runtime) -> None:
    async with browser(runtime, await token(runtime, "ann", *acts_of("operator"))) as client:
        form = {"name": "kinds", "items": "pump-1#t=9,8"}
        refused = await client.post("/console/labels/create", data=form)
        assert refused.status_code == 409
        assert "ends before it begins" in refused.text


async def test_boxes_are_given_and_shown_to_who_verifies(runtime: Runtime) -> None:
    document = str(uuid4())

    def register(connection: Connection) -> None:
        connection.execute(
            "INSERT INTO registry VALUES (?, 'default', 'a.pdf', NULL, NULL, NULL, 1)", (document,)
        )
        connection.execute(
            "INSERT INTO arrivals VALUES (?, 'e', 'a.pdf', 'file:///a', 1)", (document,)
        )
        connection.execute(
            "INSERT INTO operations (document_id, status, stage, facts, started, updated) "
            "VALUES (?, 'indexed', 'index', '{}', 1, 1)",
            (document,),
        )

    await runtime.store.write(register)
    page = LabelItem(
        item=f"{document}#page=1", subject=f"document:{document}", width=595, height=842
    )
    ann = Credential("token:ann", frozenset(acts_of("operator")))
    made_job = await create_job(
        runtime, ann, name="stamps", items=[page], classes=["stamp", "signature"]
    )
    job = f"/console/labels/{made_job.job}"
    async with browser(runtime, await token(runtime, "ann", *acts_of("operator"))) as client:
        item = (await client.post(f"{job}/take")).headers["location"]
        assert 'data-page="stamp"' in (await client.get(item)).text
        wrong = {"item": f"{document}#page=1", "box": "stamp,0.1,0.2"}
        refused = await client.post(f"{job}/give", data=wrong)
        assert (refused.status_code, "is no box" in refused.text) == (400, True)
        given = {"item": f"{document}#page=1",
                 "box": ["signature,0.1,0.2,0.3,0.05", "", "stamp, 0.5,0.5,0.1,0.1"]}  # fmt: skip
        assert (await client.post(f"{job}/give", data=given)).status_code == 303
        await client.post(f"{job}/close", data={})
        made = await client.post(
            "/console/labels/create",
            data={"name": "check", "kind": "verify", "source": made_job.job},
        )
        taken = await client.post(f"{made.headers['location']}/take")
        shown = (await client.get(taken.headers["location"])).text
        assert '<rect x="100.0"' in shown and "<title>signature</title>" in shown
        assert "data-draw-boxes" not in shown
