"""Labelling jobs: chained, audited, in the formats of others, and measured."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lineal.access.credential import Credential, credential_of
from lineal.lineage.rebuild import rebuild
from lineal.proof.logged import logged_steps
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_catalog.labels.acts import WrongLabel
from lineal_catalog.labels.answers import LEASE_SECONDS, give_label, take_item
from lineal_catalog.labels.closing import close_job
from lineal_catalog.labels.dashboard import job_figures
from lineal_catalog.labels.formats import (
    ExportedLabel,
    ImportedLabel,
    export_labels,
    import_labels,
)
from lineal_catalog.labels.jobs import create_job
from lineal_catalog.labels.queries import final_results, find_job, given_labels, results_of
from lineal_schemas.labels import LabelBox, LabelItem, LabelValue
from lineal_schemas.results import Box

ANN, BOB, CAT = (credential_of(f"user:{name}", "reviewer") for name in ("ann", "bob", "cat"))
ITEMS = [LabelItem(item=f"d{n}", subject=f"document:d{n}", width=100, height=200) for n in range(4)]


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path / "data", durability="normal")) as opened:
        yield opened


async def label_all(
    runtime: Runtime, job: str, who: Credential, labels: dict[str, Any], seconds: float = 2
) -> None:
    """Take what comes until nothing does, and say what is given for it."""
    while (taken := await take_item(runtime, job, who)) is not None:
        said = labels[taken.item.item]
        value = LabelValue(correct=said) if isinstance(said, bool) else LabelValue(label=said)
        await give_label(runtime, job, taken.item.item, value, who, seconds=seconds)


async def test_time_that_somebody_was_away_is_not_work(runtime: Runtime) -> None:
    job = await create_job(runtime, ANN, name="away", items=ITEMS[:2], classes=("cat",), answers=1)
    for item in ("d0", "d1"):
        taken = await take_item(runtime, job.job, ANN)
        assert taken is not None
        await runtime.store.write(
            lambda c: c.execute(
                "UPDATE label_leases "
                "SET began = began - 86400000000, expires = expires - 86400000000"
            )
        )
        if item == "d1":  # they come back to it
            await take_item(runtime, job.job, ANN)
        await give_label(runtime, job.job, item, LabelValue(label="cat"), ANN)
    found = await runtime.store.read(partial(find_job, wanted=job.job))
    figures = await runtime.store.read(partial(job_figures, job=found))
    assert figures.seconds == pytest.approx(LEASE_SECONDS, abs=LEASE_SECONDS / 2)


async def test_a_label_is_verified_and_adjusted_and_its_lineage_goes_back_to_the_first(
    runtime: Runtime,
) -> None:
    first = await create_job(
        runtime, ANN, name="kinds", items=ITEMS, classes=("cat", "dog"), answers=1
    )
    await label_all(runtime, first.job, ANN, {"d0": "cat", "d1": "cat", "d2": "dog", "d3": "dog"})
    assert await take_item(runtime, first.job, BOB) is None
    with pytest.raises(WrongLabel, match="still open"):
        await create_job(runtime, ANN, name="v", kind="verify", source=first.job)
    await close_job(runtime, first.job, ANN)

    verify = await create_job(runtime, BOB, name="verify", kind="verify", source=first.job)
    taken = await take_item(runtime, verify.job, BOB)
    assert taken is not None
    assert taken.label == LabelValue(label="cat")
    await label_all(runtime, verify.job, BOB, {"d0": True, "d1": False, "d2": True, "d3": True})
    await close_job(runtime, verify.job, BOB)

    adjust = await create_job(runtime, CAT, name="adjust", kind="adjust", source=verify.job)
    taken = await take_item(runtime, adjust.job, CAT)
    assert taken is not None
    assert (taken.item.item, taken.label) == ("d1", LabelValue(label="cat"))
    await give_label(runtime, adjust.job, "d1", LabelValue(label="dog"), CAT)
    await close_job(runtime, adjust.job, CAT)

    job = await runtime.store.read(partial(find_job, wanted=adjust.job))
    final = await runtime.store.read(partial(final_results, job=job))
    assert {result.item.item: result.value.label for result in final if result.value} == {
        "d0": "cat", "d1": "dog", "d2": "dog", "d3": "dog",
    }  # fmt: skip
    steps = await runtime.store.read(lambda c: list(logged_steps(c, "document:d1")))
    given = [step for step in steps if step.attributes["act"] == "give"]
    assert [step.actor for step in given] == ["user:ann", "user:bob", "user:cat"]
    original = next(item.sha256 for item in given[0].outputs if item.role == "label")
    for later in given[1:]:
        assert original in {item.sha256 for item in later.inputs}


async def test_most_of_three_people_hold_and_a_rebuild_says_the_same(runtime: Runtime) -> None:
    job = await create_job(
        runtime, ANN, name="three", items=ITEMS[:2], answers=3, known={"d0": "cat"},
        cost_per_hour=36.0,
    )  # fmt: skip
    await label_all(runtime, job.job, ANN, {"d0": "cat", "d1": "cat"}, seconds=10)
    await label_all(runtime, job.job, BOB, {"d0": "cat", "d1": "dog"}, seconds=20)
    await label_all(runtime, job.job, CAT, {"d0": "dog", "d1": "dog"}, seconds=30)
    closed = await close_job(runtime, job.job, ANN, method="dawid_skene")
    assert (closed.items, closed.resolved) == (2, 2)
    assert closed.agreement is not None
    held = partial(results_of, job_id=job.job)
    results = await runtime.store.read(held)
    assert [result.value.label for result in results if result.value] == ["cat", "dog"]

    found = await runtime.store.read(partial(find_job, wanted="three"))
    figures = await runtime.store.read(partial(job_figures, job=found))
    by_worker = {each.worker: each for each in figures.workers}
    assert by_worker["user:ann"].accuracy == 1.0
    assert by_worker["user:cat"].accuracy == 0.0
    assert by_worker["user:cat"].median_seconds == 30
    assert by_worker["user:ann"].per_hour == 360
    assert figures.cost == pytest.approx(120 / 3600 * 36)
    hours = figures.to_dict()["throughput"]
    assert sum(hour["labels"] for hour in hours) == 6
    if len(hours) == 1:  # they were not given around the end of one
        assert hours[0]["median_seconds"] == 20
        assert hours[0]["accuracy"] == pytest.approx(2 / 3)
        assert hours[0]["cost"] == pytest.approx(figures.cost)
    assert figures.to_rows()[0][0] == "worker"

    await runtime.store.write(rebuild)
    assert await runtime.store.read(held) == results
    assert await runtime.store.read(partial(job_figures, job=found)) == figures


async def test_a_hidden_answer_is_shown_to_nobody_who_labels(runtime: Runtime) -> None:
    job = await create_job(runtime, ANN, name="k", items=ITEMS[:1], known={"d0": "secret"})
    taken = await take_item(runtime, job.job, BOB)
    assert taken is not None
    assert "secret" not in repr(taken)


async def test_what_may_not_be_said_is_refused(runtime: Runtime) -> None:
    job = await create_job(runtime, ANN, name="k", items=ITEMS[:1], classes=("cat",))
    with pytest.raises(WrongLabel, match="none of cat"):
        await give_label(runtime, job.job, "d0", LabelValue(label="dog"), ANN)
    with pytest.raises(WrongLabel, match="nothing"):
        await give_label(runtime, job.job, "d0", LabelValue(), ANN)
    with pytest.raises(WrongLabel, match="no items"):
        await create_job(runtime, ANN, name="empty")


LABELS = [
    ExportedLabel(ITEMS[0], LabelValue(label="cat"), "user:ann", 2.0),
    ExportedLabel(
        ITEMS[1],
        LabelValue(
            boxes=(
                LabelBox(label="dog", box=Box(0.1, 0.2, 0.3, 0.4)),
                LabelBox(label="cat", box=Box(0.5, 0.5, 0.25, 0.25)),
            )
        ),
        "user:bob",
        3.0,
    ),
]


@pytest.mark.parametrize("format", ["csv", "label-studio", "coco"])
def test_what_is_exported_is_imported_again(format: Any) -> None:
    data = export_labels(LABELS, format)
    imported = import_labels(data, format)
    assert [each.name for each in imported] == ["d0", "d1"]
    for given, found in zip(LABELS, imported, strict=True):
        assert found.value.label == given.value.label
        assert [box.label for box in found.value.boxes] == [b.label for b in given.value.boxes]
        for ours, theirs in zip(given.value.boxes, found.value.boxes, strict=True):
            assert theirs.box == pytest.approx(ours.box)
        if format != "coco":  # which does not say who
            assert found.worker == given.worker


def test_coco_has_boxes_in_pixels_and_label_studio_in_percent() -> None:
    coco = json.loads(export_labels(LABELS, "coco"))
    assert coco["annotations"][1]["bbox"] == pytest.approx([10, 40, 30, 80])
    assert coco["images"][0] == {"id": 1, "file_name": "d0", "width": 100, "height": 200}
    tasks = json.loads(export_labels(LABELS, "label-studio"))
    value = tasks[1]["annotations"][0]["result"][0]["value"]
    assert (value["x"], value["width"]) == (pytest.approx(10), pytest.approx(30))
    assert value["rectanglelabels"] == ["dog"]


def test_what_label_studio_exports_is_read() -> None:
    task = {
        "id": 5,
        "data": {"image": "a.png"},
        "annotations": [
            {
                "id": 1, "completed_by": 7, "lead_time": 4.5, "was_cancelled": False,
                "result": [
                    {
                        "type": "choices", "from_name": "c", "to_name": "i",
                        "value": {"choices": ["Adult content"]},
                    }
                ],
            },
            {"id": 2, "completed_by": 7, "was_cancelled": True, "result": []},
        ],
    }  # fmt: skip
    found = import_labels(json.dumps([task]).encode(), "label-studio")
    assert found == [ImportedLabel("a.png", LabelValue(label="Adult content"), "7", 4.5)]
    for broken in (b"{", b"{}", b'[{"data": {}}]'):
        with pytest.raises(WrongLabel):
            import_labels(broken, "label-studio")


async def test_what_was_given_is_listed_with_who_gave_it(runtime: Runtime) -> None:
    job = await create_job(runtime, ANN, name="k", items=ITEMS[:1], answers=2)
    text = LabelValue(label="cat", text="Dear Ann")
    await give_label(runtime, job.job, "d0", text, ANN)
    await give_label(runtime, job.job, "d0", text, BOB)
    given = await runtime.store.read(lambda c: list(given_labels(c, job.job)))
    assert [each.actor for each in given] == ["user:ann", "user:bob"]
    digests = {each.value.salt for each in given if each.value}
    assert len(digests) == 2  # what is written cannot be found out by comparing digests
