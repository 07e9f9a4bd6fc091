"""Labelling pages: a time of a device is labelled by its curves, a photo as it is seen, and how it
goes is drawn."""

from __future__ import annotations

import io
import re
from functools import partial
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from lineal.access.acts import acts_of
from lineal.access.credential import Credential, credential_of
from lineal.effects.objects import ObjectPut
from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact, StepEntry, digest, record_of
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.labels.jobs import create_job
from lineal_catalog.labels.queries import find_job, known_answers
from lineal_schemas.envelope import decode_payload, first_event
from lineal_schemas.labels import LabelItem
from lineal_schemas.photos import PhotoVerified
from lineal_schemas.telemetry import TelemetryReadings
from tests.conformance.harness import events_on
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


def _register(connection: Connection, document: str) -> None:
    connection.execute(
        "INSERT INTO registry VALUES (?, 'default', 'a.pdf', NULL, NULL, NULL, 1)", (document,)
    )
    connection.execute("INSERT INTO arrivals VALUES (?, 'e', 'a.pdf', 'file:///a', 1)", (document,))
    connection.execute(
        "INSERT INTO operations (document_id, status, stage, facts, started, updated) "
        "VALUES (?, 'indexed', 'index', '{}', 1, 1)",
        (document,),
    )


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


async def test_known_answers_are_named_as_items_are_and_an_hour_has_a_cost(
    runtime: Runtime,
) -> None:
    await _readings(runtime, 1)
    item = f"pump-1#t={BEGIN},{BEGIN + MINUTE}"
    form = {"name": "costs", "items": item, "known": f"{item}=normal", "cost": "36,5"}
    async with browser(runtime, await token(runtime, "ann", *acts_of("operator"))) as client:
        made = await client.post("/console/labels/create", data=form)
        job = made.headers["location"].rpartition("/")[2]
        found = await runtime.store.read(partial(find_job, wanted=job))
        assert found.cost == 36_500_000
        assert await runtime.store.read(lambda c: known_answers(c, job)) == {item: "normal"}
        refused = await client.post("/console/labels/create", data=form | {"cost": "much"})
        assert (refused.status_code, "is a number" in refused.text) == (400, True)
        german = {"accept-language": "de"}
        await client.post(f"{made.headers['location']}/give", data={"item": item, "label": "x"})
        figures = (await client.get("/console/labelling", headers=german)).text
        assert "0,00" in figures
        assert "0.00" not in figures


async def test_a_document_that_nothing_draws_is_labelled_by_its_text(runtime: Runtime) -> None:
    document = str(uuid4())
    await runtime.store.write(partial(_register, document=document))
    text, content = b"Dear Ms Weber\fYours <b>Paul</b>", b"content"
    read = StepEntry(
        f"document:{document}", 2,
        inputs=(Artifact(digest(content), "text/plain", len(content), "content"),),
        outputs=(Artifact(digest(text), "text/plain", len(text), "text"),),
    )  # fmt: skip
    await runtime.committer.publish(
        (),
        [ObjectPut(text), *lineage_records([record_of(read, build=None, actor="a", worker="w")])],
    )
    await runtime.flush_ledger()
    by = credential_of("user:ann", "owner")
    items = [
        LabelItem(item=name, subject=f"document:{document}")
        for name in (document, f"{document}#page=2")
    ]
    job = await create_job(runtime, by, name="kinds", items=items, classes=("letter",))
    async with browser(runtime, await token(runtime, "ann", *acts_of("owner"))) as client:
        whole, page = [
            (await client.get(f"/console/labels/{job.job}/item", params={"item": item.item})).text
            for item in items
        ]
    assert "Dear Ms Weber" in whole
    assert "Dear Ms Weber" not in page
    assert "Yours &lt;b&gt;Paul&lt;/b&gt;" in page


async def test_a_document_is_no_time_of_a_device(runtime: Runtime) -> None:
    async with browser(runtime, await token(runtime, "ann", *acts_of("operator"))) as client:
        form = {"name": "kinds", "items": "pump-1#t=9,8"}
        refused = await client.post("/console/labels/create", data=form)
        assert refused.status_code == 409
        assert "ends before it begins" in refused.text


async def test_boxes_are_given_and_shown_to_who_verifies(runtime: Runtime) -> None:
    document = str(uuid4())
    await runtime.store.write(partial(_register, document=document))
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


async def _photos(runtime: Runtime, *names: str) -> None:
    """Photos of a device, which no model has scored yet."""
    from PIL import Image

    for number, name in enumerate(names):
        file = io.BytesIO()
        Image.new("RGB", (60, 20 + number)).save(file, "PNG")
        data = file.getvalue()
        await runtime.objects.put_large(data)
        photo = Artifact(digest(data), "image/png", len(data), "photo")
        step = StepEntry(
            f"photo:{name}", 1, kind="inspect", outcome="skipped", inputs=(photo,),
            attributes={"line": "cam", "captured": number},
        )  # fmt: skip
        record = record_of(step, build=None, actor="stage:photos", worker="w")
        await runtime.committer.publish([], lineage_records([record]))
    await runtime.flush_ledger()


async def test_photos_of_a_device_are_labelled_as_they_are_seen_and_learnt_from(
    runtime: Runtime,
) -> None:
    await _photos(runtime, "cam.1", "cam.2")
    async with browser(runtime, await token(runtime, "ann", *acts_of("operator"))) as client:
        form = {"name": "washers", "photos": "1", "classes": "normal,defect"}
        made = await client.post("/console/labels/create", data=form)
        job = made.headers["location"]
        for label, height in (("defect", 333), ("normal", 350)):
            taken = await client.post(f"{job}/take")
            item = parse_qs(urlsplit(taken.headers["location"]).query)["item"][0]
            shown = (await client.get(taken.headers["location"])).text
            assert f"/console/photos/{item.removeprefix('photo:')}/image" in shown
            assert f'height="{height}"' in shown  # of one that is 1000 wide, as the photo is
            await client.post(f"{job}/give", data={"item": item, "label": label})
        await client.post(f"{job}/close")
        said = [decode_payload(event) for event in await events_on(runtime, PhotoVerified.type)]
        labels = {each.photo_id: each.label for each in said if isinstance(each, PhotoVerified)}
        assert labels == {"cam.1": "defect", "cam.2": "normal"}
        form = {"name": "nothing", "items": "photo:lost"}
        refused = await client.post("/console/labels/create", data=form)
        assert "there is no photo" in refused.text
