"""Which readings are learnt from: not those of faults, but what a person found to be normal."""

from __future__ import annotations

from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.stage import retrain
from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened, MachineMarked
from lineal_schemas.models import (
    DatasetManifest,
    ModelDataset,
)
from lineal_schemas.reviews import AnomalyReviewed
from tests.consumers.retrain.flywheel import (
    Flywheel,
    anomaly,
    drift,
)
from tests.consumers.sensors import BEGIN_US, PERIOD_US


def closed(opened: AnomalyOpened, last: int) -> AnomalyClosed:
    fields = opened.model_dump(exclude={"score", "contributions", "last_seq"})
    return AnomalyClosed(**fields, last_seq=last, peak_score=3.0, reason="normal")


async def test_anomalous_readings_are_quarantined_from_training(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    opened = anomaly(2001, 2100)
    # over two topics, between which no order is kept
    await flywheel.harness.send(closed(opened, 2400))
    await flywheel.harness.send(opened)
    (dataset,) = (await flywheel.spin())["dataset"]
    manifest = DatasetManifest.model_validate_json(await flywheel.harness.get(dataset.manifest))
    seqs = [item.source.rpartition("/")[2] for item in manifest.quarantined]
    assert (seqs[0], seqs[-1], len(seqs)) == ("1901-1920", "2481-2500", 30)
    assert dataset.quarantined_items == 30


async def test_what_a_person_found_to_be_normal_is_learnt_from(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    opened = anomaly(2001, 2100)
    await flywheel.harness.send(opened)
    await flywheel.harness.send(
        AnomalyReviewed(
            device="t1", anomaly_id=opened.anomaly_id, verdict="normal", by="ann", reviewed_us=1
        )
    )
    await flywheel.harness.send(closed(opened, 2400))
    (dataset,) = (await flywheel.spin())["dataset"]
    assert dataset.quarantined_items == 0


def mark(fault: str | None, first: int, last: int, marked_us: int = 1) -> MachineMarked:
    return MachineMarked(
        device="t1", mark=f"{marked_us:036}", fault=fault, from_us=BEGIN_US + first * PERIOD_US,
        to_us=BEGIN_US + last * PERIOD_US, by="ann", marked_us=marked_us,
    )  # fmt: skip


async def test_what_people_marked_wins_over_what_a_model_found(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    opened = anomaly(2001, 2100)
    await flywheel.harness.send(opened)
    await flywheel.harness.send(closed(opened, 2400))
    await flywheel.harness.send(mark(None, 1, 3000, 1))
    await flywheel.harness.send(mark("bearing", 1001, 1041, 2))
    withdrawn = mark("bearing", 3001, 3041, 3)
    await flywheel.harness.send(withdrawn)
    await flywheel.harness.send(withdrawn.model_copy(update={"withdrawn": True}))
    (dataset,) = (await flywheel.spin())["dataset"]
    manifest = DatasetManifest.model_validate_json(await flywheel.harness.get(dataset.manifest))
    left_out = [(item.source.rpartition("/")[2], item.reason) for item in manifest.quarantined]
    assert left_out == [
        ("1001-1020", "marked as bearing"),
        ("1021-1040", "marked as bearing"),
    ]


async def test_retraining_waits_until_a_fault_is_over(flywheel: Flywheel) -> None:
    await flywheel.collect(4000)
    opened = anomaly(3901, 3920)
    await flywheel.harness.send(opened)
    await flywheel.spin(drift())
    for _ in range(5):  # more often than it waits for readings
        await flywheel.harness.clock.advance(RetrainConfig().wait_seconds)
    assert flywheel.harness.outputs(ModelDataset) == []
    assert flywheel.noted("waits_for") == "the end of a fault"
    await flywheel.harness.send(closed(opened, 3960))
    await flywheel.harness.clock.advance(RetrainConfig().wait_seconds)
    [dataset] = flywheel.harness.outputs(ModelDataset)
    assert dataset.case == "both"
    assert await flywheel.harness.timers(retrain) == {}
