"""Anomalies found on the bus are those the device finds, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from lineal.bus.topic_names import dead_letter_topic
from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.ledger import all_records, steps_of_artifact, steps_of_subject
from lineal.lineage.record import RecordedStep, digest
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.state import StoredState
from lineal_consumers.detect import devices
from lineal_consumers.detect.journal import unpack
from lineal_consumers.detect.stage import detect
from lineal_consumers.retrain.training import train
from lineal_edge.clock import SystemClock
from lineal_edge.reading import Reading
from lineal_edge.update.live_scorer import LiveScorer
from lineal_schemas.anomalies import AnomalyAnswered, AnomalyEvent, AnomalyOpened
from lineal_schemas.envelope import decode, first_event
from lineal_schemas.ids import anomaly_id
from lineal_schemas.models import ModelRef
from lineal_schemas.reviews import AnomalyReviewed
from lineal_schemas.telemetry import TelemetryEvent
from lineal_scoring.alarm import Closed, Opened, Transition
from lineal_scoring.model import ScoringModel
from lineal_scoring.scorer import DeviceScorer
from tests.conformance.harness import events_on, running, until_settled
from tests.consumers.sensors import BOOT, batches, gap, put_in_use, send
from tests.scoring.readings import FEATURES, normal, settings, trained

ROOT = Path(__file__).parents[3]
TOPICS = ("anomaly.opened", "anomaly.updated", "anomaly.closed")
OTHER_BOOT = "cd" * 16


@pytest.fixture(autouse=True)
def other_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left in memory from the test before."""
    devices._kept.clear()


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    settings = Settings(data=tmp_path / "data", durability="normal", partitions=2)
    async with open_runtime(settings) as opened:
        yield opened


@cache
def faulty(rows: int = 1200, seed: int = 7) -> np.ndarray:
    """Normal readings with two faults in them."""
    values = normal(rows, seed)
    values[400:520, 1] *= 0.6
    values[800:860, 0] += 1.0
    return values


async def anomalies(runtime: Runtime, *messages: TelemetryEvent) -> list[AnomalyEvent]:
    """What the stage says of some messages, in the order in which it says it."""
    await send(runtime, *messages)
    async with running(runtime, detect):
        await until_settled(runtime, "detect")
    return await emitted(runtime)


async def emitted(runtime: Runtime) -> list[AnomalyEvent]:
    found: list[Any] = []
    for topic in TOPICS:
        found += [decode(event).data for event in await events_on(runtime, topic)]
    return sorted(found, key=lambda item: (item.boot_id != BOOT, item.last_seq, item.type))


def device_says(values: np.ndarray, data: bytes | None = None) -> list[Transition]:
    """What the device itself says, which scores reading by reading."""
    scorer = DeviceScorer(ScoringModel(data or trained().data))
    said: list[Transition] = []
    for row, reading in enumerate(values):
        said += scorer.push(reading[np.newaxis], row + 1)[1]
    return said


def same(events: Sequence[AnomalyEvent], said: Sequence[Transition]) -> bool:
    """Bit for bit, scores and shares too."""

    def plain(item: Any) -> tuple[Any, ...]:
        shares = getattr(item, "shares", None) or tuple(
            (part.feature, part.share) for part in getattr(item, "contributions", ())
        )
        score = getattr(item, "score", None)
        peak = getattr(item, "peak_score", None)
        return item.first_seq, item.last_seq, item.windows, score, peak, shares

    return [plain(event) for event in events] == [plain(item) for item in said]


async def test_the_bus_says_what_the_device_says(runtime: Runtime) -> None:
    await put_in_use(runtime, trained().data)
    events = await anomalies(runtime, *batches(faulty()))
    said = device_says(faulty())
    assert [type(item) for item in said if isinstance(item, Opened | Closed)] == [
        Opened, Closed, Opened, Closed,
    ]  # fmt: skip
    assert same(events, said)
    opened = next(event for event in events if isinstance(event, AnomalyOpened))
    assert opened.anomaly_id == anomaly_id("t1", trained().sha256, BOOT, opened.first_seq)
    assert opened.contributions[0].feature in ("voltage", "rps")
    assert opened.detector == "bus"


async def test_devices_that_are_scored_together_say_each_what_it_says_alone(
    runtime: Runtime,
) -> None:
    """Whatever is brought together, and although one of them has a model that is not fit."""
    runtime.settings.stages["detect"] = {"models": {"bad": "broken", "*": "turbine"}}
    data = train(settings(spread=False), [normal(2000, 1)], [normal(1500, 3)]).data
    await put_in_use(runtime, data)
    await put_in_use(runtime, b"no graph", "broken")
    names = [f"t{number}" for number in range(7)]
    each = [list(batches(faulty(600, seed), name)) for seed, name in enumerate(names, 7)]
    bad = list(batches(faulty(600), "bad"))
    messages = [message for together in zip(*each, bad, strict=True) for message in together]
    for begin in (0, 57):
        devices._kept.clear()
        await send(runtime, *messages[begin : 57 if begin == 0 else None])
        async with running(runtime, detect):
            await until_settled(runtime, "detect")
    events = await emitted(runtime)
    for seed, name in enumerate(names, 7):
        said = device_says(faulty(600, seed), data)
        assert any(isinstance(item, Opened) for item in said)
        assert same([event for event in events if event.device == name], said)
    letters = [decode(e).data for e in await events_on(runtime, dead_letter_topic("detect"))]
    assert len(letters) == len(bad)
    assert all("not fit for use" in letter.message for letter in letters)  # type: ignore[attr-defined]


async def test_snapshots_of_devices_that_began_together_are_written_at_different_times(
    runtime: Runtime,
) -> None:
    """Else a thousand devices that were switched on together have a moment of thousand snapshots
    again and again, in which readings wait."""
    await put_in_use(runtime, trained().data)
    written: dict[int, int] = {}
    names = [f"t{number}" for number in range(16)]
    each = [list(batches(faulty()[:700], name)) for name in names]
    for number, together in enumerate(zip(*each, strict=True), 1):
        await anomalies(runtime, *together)
        rows = await StoredState(runtime.store).rows("detect", "device/")
        snapshots = [
            unpack(row.after) for key, row in rows if key.endswith("snapshot") and row.after
        ]
        written[number] = sum(row.number == number for row in snapshots)
    later = {number: count for number, count in written.items() if number > 1}
    assert sum(later.values()) >= len(names), "each of them once at least"
    assert max(later.values()) <= len(names) // 2


@pytest.mark.parametrize("size", [1, 7, 200])
async def test_the_size_of_batches_does_not_matter(runtime: Runtime, size: int) -> None:
    await put_in_use(runtime, trained().data)
    values = faulty()[:600]
    assert same(await anomalies(runtime, *batches(values, size=size)), device_says(values))


async def test_another_worker_goes_on_where_one_has_stopped(runtime: Runtime) -> None:
    await put_in_use(runtime, trained().data)
    messages = list(batches(faulty()))
    for begin in range(0, len(messages), 7):
        devices._kept.clear()
        events = await anomalies(runtime, *messages[begin : begin + 7])
    assert same(events, device_says(faulty()))


async def test_what_a_worker_remembers_counts_only_if_nobody_went_on_since(
    runtime: Runtime,
) -> None:
    await put_in_use(runtime, trained().data)
    messages = list(batches(faulty()))
    await anomalies(runtime, *messages[:20])
    remembered = dict(devices._kept)
    for begin, end in ((20, 22), (22, 40), (40, 57)):
        devices._kept.clear()  # another worker has the device for a while
        await anomalies(runtime, *messages[begin:end])
    devices._kept.clear()
    devices._kept.update(remembered)
    events = await anomalies(runtime, *messages[57:])
    assert same(events, device_says(faulty()))


WORKER = """
import asyncio, sys
from lineal.daemon import Daemon
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_consumers.detect.stage import detect
from lineal_consumers.retrain.training import train

async def main():
    settings = Settings(data=sys.argv[1], durability="normal", partitions=2, workers=1, prefetch=4)
    async with open_runtime(settings) as runtime:
        daemon = Daemon(runtime, [detect])
        await daemon.start()
        print("ready", flush=True)
        await daemon.wait()

asyncio.run(main())
"""


async def test_a_kill_in_the_middle_doubles_and_loses_nothing(runtime: Runtime) -> None:
    await put_in_use(runtime, trained().data)
    messages = list(batches(faulty()))
    await send(runtime, *messages[:1])
    kills = 0
    for begin in range(1, len(messages), 12):
        await send(runtime, *messages[begin : begin + 12])
        process = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", WORKER, str(runtime.settings.data)],
            cwd=ROOT, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        kills += 1
    async with running(runtime, detect):
        await until_settled(runtime, "detect")
    assert kills >= 5
    assert same(await emitted(runtime), device_says(faulty()))


async def test_a_gap_closes_an_anomaly_and_windows_begin_anew(runtime: Runtime) -> None:
    await put_in_use(runtime, trained().data)
    values = faulty()
    before, after = list(batches(values[:460])), list(batches(values[500:], first_seq=501))
    events = await anomalies(runtime, *before, gap(461, 500), *after)
    scorer = DeviceScorer(ScoringModel(trained().data))
    said = scorer.push(values[:460], 1)[1] + scorer.skip_to(501)
    said += scorer.push(values[500:], 501)[1]
    assert same(events, said)
    assert next(item.reason for item in said if isinstance(item, Closed)) == "gap"


async def test_a_gap_that_overtakes_the_readings_before_it_loses_none(runtime: Runtime) -> None:
    await put_in_use(runtime, trained().data)
    values = faulty()
    await anomalies(runtime, *batches(values[:200]))
    await anomalies(runtime, gap(461, 500))
    await anomalies(runtime, *batches(values[200:460], first_seq=201))
    events = await anomalies(runtime, *batches(values[500:], first_seq=501))
    scorer = DeviceScorer(ScoringModel(trained().data))
    said = scorer.push(values[:460], 1)[1] + scorer.push(values[500:], 501)[1]
    assert same(events, said)


async def test_a_restarted_device_begins_anew(runtime: Runtime) -> None:
    await put_in_use(runtime, trained().data)
    values = faulty()
    late = list(batches(values[460:480], first_seq=461))
    events = await anomalies(
        runtime, *batches(values[:460]), *batches(values, boot_id=OTHER_BOOT), *late
    )
    scorer = DeviceScorer(ScoringModel(trained().data))
    said = scorer.push(values[:460], 1)[1] + scorer.interrupt("restart") + device_says(values)
    assert same(events, said)


async def test_a_promoted_model_takes_over_between_two_batches(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_in_use(runtime, trained().data)
    values, other = faulty(), trained("autoencoder").data
    await anomalies(runtime, *batches(values[:460]))
    await put_in_use(runtime, other, counter=2)
    devices._kept.clear()
    events = await anomalies(runtime, *batches(values[460:], first_seq=461))
    closed = [event for event in events if event.type == "anomaly.closed"]
    assert closed[0].reason == "model_changed"  # type: ignore[attr-defined]
    assert closed[0].model.sha256 == trained().sha256
    assert events[-1].model.sha256 == digest(other)


async def test_missing_infinite_and_constant_sensors_are_evaluated_as_on_the_device(
    runtime: Runtime,
) -> None:
    await put_in_use(runtime, trained().data)
    values = faulty().copy()
    values[100:110, 0] = np.nan
    values[200:380, 2] = np.inf
    values[600:700, 1] = values[600, 1]
    values[1000:1100] = np.nan
    assert same(await anomalies(runtime, *batches(values)), device_says(values))


async def test_a_device_with_other_columns_is_scored_by_name(runtime: Runtime) -> None:
    await put_in_use(runtime, trained().data)
    values = faulty()
    other = np.hstack([np.zeros((len(values), 1)), values[:, ::-1]])
    names = ("gas", "yaw", "temperature", "voltage", "rps")
    assert same(await anomalies(runtime, *batches(other, features=names)), device_says(values))


async def test_without_a_model_readings_pass_unscored_and_are_counted(runtime: Runtime) -> None:
    events = await anomalies(runtime, *batches(faulty()[:100]))
    assert events == []
    found = await records(runtime, "device:t1")
    assert [record.attributes["unscored"] for record in found] == [20] * 5


async def test_from_an_anomaly_one_walks_to_the_model_and_the_readings(runtime: Runtime) -> None:
    await put_in_use(runtime, trained().data)
    messages = list(batches(faulty()))
    await anomalies(runtime, *messages)
    (first, *_) = await events_on(runtime, "anomaly.opened")
    made = await runtime.store.read(lambda c: steps_of_artifact(c, digest(first.data), made=True))
    assert len(made) == 1
    assert made[0].build is not None
    assert [model.sha256 for model in made[0].build.artifacts] == [trained().sha256]
    assert made[0].inputs[0].sha256 in {message.digest for message in messages}
    assert made[0].subject == "device:t1"


async def test_a_batch_leaves_a_small_record(runtime: Runtime) -> None:
    await put_in_use(runtime, trained().data)
    await anomalies(runtime, *batches(faulty()[:400]))
    assert len(await records(runtime, "device:t1")) == 20
    found = await runtime.store.read(lambda c: list(all_records(c)))
    detected = [record for record in found if record.actor == "stage:detect"]
    steps = sum(len(record.steps) for record in detected)
    assert sum(len(canonical_bytes(record)) for record in detected) / steps < 1100


async def records(runtime: Runtime, root: str) -> list[RecordedStep]:
    return await runtime.store.read(lambda c: steps_of_subject(c, root))


def reviewed(event: AnomalyEvent, verdict: Literal["anomaly", "normal"]) -> AnomalyReviewed:
    return AnomalyReviewed(
        device="t1", anomaly_id=event.anomaly_id, verdict=verdict, by="user:ann", reviewed_us=1
    )


async def answered(runtime: Runtime, *answers: AnomalyReviewed) -> list[AnomalyAnswered]:
    events = [
        first_event(answer, id=f"answer-{number}", source="lineal:stage/review")
        for number, answer in enumerate(answers)
    ]
    await runtime.bus.publish([(event.type, event) for event in events])
    async with running(runtime, detect):
        await until_settled(runtime, "detect")
    return [decode(event).data for event in await events_on(runtime, "anomaly.answered")]  # type: ignore[misc]


@pytest.mark.parametrize("verdict", ["normal", "anomaly"])
async def test_what_a_person_says_counts_on_bus_and_device_from_the_same_reading(
    runtime: Runtime, verdict: Literal["anomaly", "normal"]
) -> None:
    await put_in_use(runtime, trained().data)
    values = normal(1600, 7)
    values[400:, 1] *= 0.6  # for good
    (opened,) = await anomalies(runtime, *batches(values[:440]))
    [answer] = await answered(runtime, reviewed(opened, verdict))
    assert (answer.device, answer.anomaly_id, answer.boot_id) == ("t1", opened.anomaly_id, BOOT)
    assert answer.is_normal == (verdict == "normal")
    assert answer.at_seq > 500, "in some seconds, when the device has heard of it"
    devices._kept.clear()  # another worker goes on
    events = await anomalies(runtime, *batches(values[440:], first_seq=441))

    device = LiveScorer("t1", BOOT, FEATURES, SystemClock())
    model = ModelRef(name="turbine", version=1, sha256=trained().sha256)
    device.swap(device.prepare(trained().data, model))
    said: list[Any] = []
    for row, reading in enumerate(values):
        if row == 470:  # it is ahead of the bus when it hears of it
            device.answered(answer)
        said += device.observe(Reading(row + 1, 0, 0, tuple(reading.tolist())))
    plain = [item.model_dump(exclude={"detector", "wall_us"}) for item in said]
    assert plain == [item.model_dump(exclude={"detector", "wall_us"}) for item in events]
    closed = [item for item in events if item.type == "anomaly.closed"]
    assert bool(closed) == (verdict == "normal")


async def test_an_answer_about_an_anomaly_of_the_device_alone_reaches_it_all_the_same(
    runtime: Runtime,
) -> None:
    answer = AnomalyReviewed(
        device="t1", anomaly_id="x", verdict="anomaly", fault="bearing", by="user:ann",
        reviewed_us=1,
    )  # fmt: skip
    [told] = await answered(runtime, answer)
    assert (told.anomaly_id, told.boot_id, told.fault) == ("x", None, "bearing")
