"""What becomes of a message: taken once, cut, kept as a dead letter, or dropped; never more."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.dead_letters import LetterFilter, NoRedriveTarget, drop, redrive, waiting_letters
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.errors import UnknownTopic
from lineal.events import types_of_lineal
from lineal.lineage.ledger import all_steps
from lineal.lineage.record import RecordedStep
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_producers.admission_policies import BRIDGE
from lineal_producers.mqtt.connection import Received
from lineal_producers.mqtt.ingest import MessageIngest, Prepared, bridge_build
from lineal_producers.mqtt.positions import Positions
from lineal_producers.mqtt.records import Recorder
from lineal_producers.mqtt.settings import MqttSettings
from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened
from lineal_schemas.envelope import RawEvent, decode
from lineal_schemas.failures import DeadLetter, EventFailed
from lineal_schemas.models import ModelPromoted
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import (
    DeviceHealth,
    TelemetryGap,
    TelemetryReadings,
    parse_stream_message,
)
from tests.producers.mqtt.messages import (
    BOOT,
    anomaly,
    birth,
    death,
    gap,
    job_update,
    photo,
    readings,
    received,
    recognised,
    wrapped,
)


class Taking:
    """An intake on an embedded bus, as the bridge drives it."""

    def __init__(self, runtime: Runtime, **settings: int) -> None:
        self.runtime = runtime
        chosen = MqttSettings.model_validate(settings)
        self.positions = Positions(runtime, confirmations=chosen.gap_confirmations)
        self.intake = MessageIngest(
            self.positions,
            runtime.objects,
            Recorder(bridge_build(chosen)),
            message_bytes=chosen.message_bytes,
        )

    async def take(self, *messages: Received) -> Prepared:
        prepared = await self.intake.prepare(messages)
        effects: list[Effect] = [*lineage_records(prepared.records)]
        effects += self.positions.effects(prepared.devices)
        await self.runtime.committer.publish(prepared.outputs, effects)
        return prepared

    async def on(self, topic: str) -> list[RawEvent]:
        try:
            return [delivery.event async for delivery in self.runtime.bus.read(topic)]
        except UnknownTopic:
            return []

    async def letters(self) -> list[DeadLetter]:
        found = [decode(event).data for event in await self.on("dead.bridge")]
        return [letter for letter in found if isinstance(letter, DeadLetter)]

    async def ranges(self) -> list[tuple[int, int]]:
        message = [
            parse_stream_message(event.data) for event in await self.on("telemetry.readings")
        ]
        return [(one.first_seq, one.last_seq) for one in message]

    async def records(self) -> list[RecordedStep]:
        return await self.runtime.store.read(lambda c: list(all_steps(c)))


@pytest.fixture
async def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runtime]:
    monkeypatch.chdir(tmp_path)
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    async with open_runtime(settings) as opened:
        yield opened


@pytest.fixture
def ingesting(runtime: Runtime) -> Taking:
    return Taking(runtime)


async def test_a_batch_goes_onto_the_bus_byte_by_byte_under_its_derived_id(
    ingesting: Taking,
) -> None:
    batch = readings(1, 20)
    await ingesting.take(received(batch))
    [event] = await ingesting.on("telemetry.readings")
    assert event.data == payload_bytes(batch)
    assert event.id == batch.event_id
    assert event.partitionkey == "pump-1"
    assert event.correlationid == "device:pump-1"


async def test_lineage_has_one_record_a_batch_that_names_its_digest(ingesting: Taking) -> None:
    batch = readings(1, 20)
    await ingesting.take(received(batch), received(gap(21, 30)))
    first, second = await ingesting.records()
    assert first.kind == "step"
    assert first.subject == "device:pump-1"
    assert [item.sha256 for item in first.outputs] == [batch.digest]
    assert first.attributes == {"boot": BOOT, "first_seq": 1, "last_seq": 20}
    assert second.kind == "gap"
    assert second.attributes["reason"] == "disk_full"


async def test_a_duplicate_has_no_effect_but_is_acknowledged_again(ingesting: Taking) -> None:
    await ingesting.take(received(readings(1, 20)), received(readings(1, 20)))
    prepared = await ingesting.take(received(readings(1, 20)))
    assert await ingesting.ranges() == [(1, 20)]
    assert prepared.outputs == []
    assert prepared.records == []
    assert prepared.acked == {("pump-1", BOOT): 0}


async def test_positions_outlive_the_bridge(ingesting: Taking, runtime: Runtime) -> None:
    await ingesting.take(received(readings(1, 20)), received(wrapped(anomaly()), "events"))
    later = Taking(runtime)
    await later.take(received(readings(1, 20)), received(wrapped(anomaly()), "events"))
    assert await later.ranges() == [(1, 20)]
    assert len(await later.on("anomaly.opened")) == 1
    position = later.positions.boot("pump-1", BOOT)
    assert (position.readings.acked_through, position.events.acked_through) == (20, 1)


async def test_an_overlap_is_cut_and_its_clocks_moved_along(ingesting: Taking) -> None:
    await ingesting.take(received(readings(1, 20)), received(readings(11, 30)))
    _, event = await ingesting.on("telemetry.readings")
    assert parse_stream_message(event.data) == readings(21, 30)
    *_, record = await ingesting.records()
    assert [item.sha256 for item in record.inputs] == [readings(11, 30).digest]
    assert [item.sha256 for item in record.outputs] == [readings(21, 30).digest]


async def test_what_is_ahead_is_asked_for_again_and_not_acknowledged(ingesting: Taking) -> None:
    await ingesting.take(received(readings(1, 20)))
    prepared = await ingesting.take(received(readings(41, 60)))
    assert prepared.acked[("pump-1", BOOT)] != 0
    assert ingesting.positions.boot("pump-1", BOOT).readings.acked_through == 20
    closed = await ingesting.take(received(readings(21, 40)), received(readings(41, 60)))
    assert closed.acked[("pump-1", BOOT)] == 0
    assert await ingesting.ranges() == [(1, 20), (21, 40), (41, 60)]


async def test_reordered_messages_end_up_in_order(ingesting: Taking) -> None:
    batches = [received(readings(n, n + 9)) for n in range(1, 100, 10)]
    for _ in range(len(batches)):  # as often as the device is asked to send again
        await ingesting.take(*reversed(batches))
    assert await ingesting.ranges() == [(n, n + 9) for n in range(1, 100, 10)]


async def test_a_gap_nobody_closes_is_on_the_bus_and_in_the_ledger(
    runtime: Runtime,
) -> None:
    ingesting = Taking(runtime, gap_confirmations=3)
    for _ in range(3):
        await ingesting.take(received(readings(21, 40)), received(readings(41, 60)))
    [event] = await ingesting.on("telemetry.gap")
    found = parse_stream_message(event.data)
    assert isinstance(found, TelemetryGap)
    assert (found.first_seq, found.last_seq, found.reason) == (1, 20, "unexplained")
    assert found.found_by == "bridge"
    assert await ingesting.ranges() == [(21, 40), (41, 60)]
    assert [record.kind for record in await ingesting.records()] == ["gap", "step", "step"]


async def test_streams_of_several_devices_and_boots_do_not_meddle(ingesting: Taking) -> None:
    other = "f" * 32
    await ingesting.take(
        received(readings(1, 5)),
        received(readings(1, 7, device="pump-2"), device="pump-2"),
        received(readings(1, 3, boot=other)),
        received(readings(6, 9)),
    )
    assert await ingesting.ranges() == [(1, 5), (1, 7), (1, 3), (6, 9)]


async def test_a_device_that_claims_to_be_another_is_refused(ingesting: Taking) -> None:
    prepared = await ingesting.take(received(readings(1, 20, device="pump-2"), device="pump-1"))
    assert prepared.counts["refused"] == 1
    assert await ingesting.ranges() == []
    [letter] = await ingesting.letters()
    assert letter.error_class == "DeviceMismatch"
    assert letter.correlation_id == "device:pump-1"


async def test_a_refused_message_waits_on_when_somebody_tries_to_redrive_it(
    ingesting: Taking,
) -> None:
    """No group would read it: it would be gone, and be taken for decided on."""
    await ingesting.take(received(readings(1, 20, device="pump-2"), device="pump-1"))
    waiting = await waiting_letters(ingesting.runtime, LetterFilter())
    assert len(waiting) == 1
    with pytest.raises(NoRedriveTarget):
        await redrive(ingesting.runtime, waiting)
    assert await ingesting.on("redrive.bridge") == []
    assert await waiting_letters(ingesting.runtime, LetterFilter()) == waiting
    await drop(ingesting.runtime, waiting)
    assert await waiting_letters(ingesting.runtime, LetterFilter()) == []


async def test_an_anomaly_about_another_device_is_refused(ingesting: Taking) -> None:
    await ingesting.take(received(wrapped(anomaly(device="pump-2")), "events"))
    assert await ingesting.on("anomaly.opened") == []
    assert [letter.error_class for letter in await ingesting.letters()] == ["DeviceMismatch"]


@pytest.mark.parametrize(
    "said",
    [
        anomaly().model_copy(update={"anomaly_id": anomaly(device="pump-2").anomaly_id}),
        anomaly().model_copy(update={"anomaly_id": "pump-1.5"}),
        anomaly().model_copy(update={"first_seq": 2}),
        anomaly(boot="f" * 32),
        AnomalyClosed(
            **anomaly(device="pump-2").model_dump(exclude={"device", "score", "contributions"}),
            device="pump-1", peak_score=2.0, reason="normal",
        ),
    ],
    ids=["of another device", "of a photo", "of other readings", "of another boot", "closed"],
)  # fmt: skip
async def test_an_anomaly_has_the_id_that_follows_from_its_readings(
    ingesting: Taking, said: AnomalyOpened | AnomalyClosed
) -> None:
    """Else a device could end, or take the place of, what another one is asked about."""
    await ingesting.take(received(wrapped(said), "events"))
    assert await ingesting.on(said.type) == []
    assert [letter.error_class for letter in await ingesting.letters()] == ["DeviceMismatch"]


async def test_a_device_reports_jobs_of_its_own_alone(ingesting: Taking) -> None:
    of_another = job_update().model_copy(update={"job_id": job_update(device="pump-2").job_id})
    await ingesting.take(
        received(wrapped(job_update()), "jobs/update"),
        received(wrapped(of_another, 2), "jobs/update"),
        received(wrapped(job_update(device="pump-2"), 2), "jobs/update"),
    )
    [event] = await ingesting.on("deployment.job_updated")
    assert decode(event).data == job_update()
    assert {letter.error_class for letter in await ingesting.letters()} == {"DeviceMismatch"}


@pytest.mark.parametrize("restarted", [False, True], ids=["same bridge", "another bridge"])
async def test_a_device_recognises_faults_of_its_newest_anomaly_alone(
    runtime: Runtime, restarted: bool
) -> None:
    """Those of others are refused, once, and what comes behind them is taken."""
    ingesting = Taking(runtime)
    await ingesting.take(
        received(wrapped(anomaly(device="pump-2"), device="pump-2"), "events", "pump-2"),
        received(wrapped(anomaly()), "events"),
    )
    if restarted:
        ingesting = Taking(runtime)
    of_another = received(wrapped(recognised(anomaly(device="pump-2")), 2), "events")
    own = received(wrapped(recognised(anomaly()), 3), "events")
    prepared = await ingesting.take(of_another, own)
    again = await ingesting.take(of_another, own)
    [event] = await ingesting.on("fault.recognised")
    assert decode(event).data == recognised(anomaly())
    [letter] = await ingesting.letters()
    assert letter.error_class == "DeviceMismatch"
    assert (prepared.counts["refused"], again.counts["refused"]) == (1, 0)
    assert ingesting.positions.boot("pump-1", BOOT).events.acked_through == 3


async def test_a_device_sends_photos_of_its_own_alone(ingesting: Taking) -> None:
    await ingesting.take(
        received(wrapped(photo()), "events"),
        received(wrapped(photo(device="pump-2"), 2), "events"),
        received(wrapped(photo(), 3), "jobs/update"),
        received(wrapped(photo().model_copy(update={"photo_id": "pump-2.5"}), 4), "events"),
    )
    [event] = await ingesting.on("photo.captured")
    assert decode(event).data == photo()
    assert {letter.error_class for letter in await ingesting.letters()} == {
        "DeviceMismatch", "Malformed", "NotAllowed",
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"{}",
        payload_bytes(readings(1, 20))[:-30],
        payload_bytes(readings(1, 20)).replace(b"[1.0]", b"[NaN]"),
        payload_bytes(readings(1, 20)).replace(b"[1.0]", b"[Infinity]"),
        payload_bytes(readings(1, 20)).replace(b'"last_seq":20', b'"last_seq":21'),
        payload_bytes(readings(1, 20)).replace(b'"last_seq":20', b'"last_seq":1e400'),
        payload_bytes(readings(1, 20)).replace(b'"n"', b'"\\ud800"'),
        b'{"a":' * 5000,
        payload_bytes(readings(1, 20)).replace(b'"wall_us":', b'"wall_us":9999999999'),
    ],
)
async def test_a_malformed_message_is_kept_with_its_bytes_and_holds_up_nobody(
    ingesting: Taking, body: bytes
) -> None:
    await ingesting.take(
        received(body), received(readings(1, 20, device="pump-2"), device="pump-2")
    )
    assert await ingesting.ranges() == [(1, 20)]
    [letter] = await ingesting.letters()
    kept = json.loads(letter.event)
    assert base64.b64decode(kept.get("data_base64", "")) == body
    assert kept["source"] == "mqtt:lineal/v1/pump-1/readings"


async def test_numbers_of_more_than_64_bits_are_refused_and_the_next_are_taken(
    ingesting: Taking,
) -> None:
    far = payload_bytes(readings(1, 1)).replace(b'_seq":1,', b'_seq":18446744073709551617,')
    assert far.count(b"18446744073709551617") == 2
    await ingesting.take(received(far))
    await ingesting.take(received(readings(1, 20)))
    assert await ingesting.ranges() == [(1, 20)]
    assert [letter.error_class for letter in await ingesting.letters()] == ["Malformed"]


async def test_a_number_that_is_missing_is_null_and_taken(ingesting: Taking) -> None:
    body = payload_bytes(readings(1, 20)).replace(b"[1.0]", b"[null]")
    await ingesting.take(received(body))
    [event] = await ingesting.on("telemetry.readings")
    message = parse_stream_message(event.data)
    assert isinstance(message, TelemetryReadings)
    assert message.values[0] == (None,)


async def test_an_oversized_message_is_refused(runtime: Runtime) -> None:
    ingesting = Taking(runtime, message_bytes=300)
    await ingesting.take(received(readings(1, 20)))
    assert await ingesting.ranges() == []
    assert [letter.error_class for letter in await ingesting.letters()] == ["TooLarge"]


async def test_what_is_refused_again_and_again_is_kept_once(ingesting: Taking) -> None:
    for _ in range(5):
        prepared = await ingesting.take(received(b"rubbish"))
        assert prepared.counts["refused"] == 1
    assert len(await ingesting.letters()) == 1


async def test_a_device_that_sends_rubbish_does_not_fill_the_disk(ingesting: Taking) -> None:
    await ingesting.take(*(received(b"rubbish %d" % n) for n in range(500)))
    assert 0 < len(await ingesting.letters()) <= 100


async def test_a_device_may_not_send_events_of_the_servers(ingesting: Taking) -> None:
    """A compromised device must not be able to promote a model, or end others' requests."""
    others = sorted(types_of_lineal() - BRIDGE.types)
    assert {ModelPromoted.type, EventFailed.type, DeadLetter.type} <= set(others)
    said = wrapped(anomaly())
    await ingesting.take(
        *(received(said.model_copy(update={"event_type": kind}), "events") for kind in others),
        received(wrapped(anomaly(detector="bus")), "events"),
        received(wrapped(anomaly()), "jobs/update"),
    )
    assert [kind for kind in others if await ingesting.on(kind)] == []
    assert await ingesting.on("anomaly.opened") == []
    assert {letter.error_class for letter in await ingesting.letters()} == {"NotAllowed"}


async def test_device_events_are_taken_out_of_their_wrapper_once(ingesting: Taking) -> None:
    wrapper = wrapped(anomaly())
    await ingesting.take(received(wrapper, "events"), received(wrapper, "events"))
    [event] = await ingesting.on("anomaly.opened")
    assert event.id == wrapper.event_id
    assert decode(event).data == anomaly()


async def test_events_of_both_topics_share_one_count(ingesting: Taking) -> None:
    update = job_update()
    prepared = await ingesting.take(
        received(wrapped(anomaly(), 1), "events"),
        received(wrapped(update, 3), "jobs/update"),
    )
    assert prepared.acked[("pump-1", BOOT)] != 0
    await ingesting.take(
        received(wrapped(anomaly(), 2), "events"),
        received(wrapped(update, 3), "jobs/update"),
    )
    assert len(await ingesting.on("deployment.job_updated")) == 1
    assert ingesting.positions.boot("pump-1", BOOT).events.acked_through == 3


async def test_lost_events_leave_a_gap_record(runtime: Runtime) -> None:
    ingesting = Taking(runtime, gap_confirmations=2)
    for _ in range(2):
        await ingesting.take(received(wrapped(anomaly(), 4), "events"))
    assert len(await ingesting.on("anomaly.opened")) == 1
    first, _ = await ingesting.records()
    attributes = first.attributes
    assert (first.kind, attributes["first_event"], attributes["last_event"]) == ("gap", 1, 3)


async def test_a_retained_state_that_comes_again_is_known(
    ingesting: Taking, runtime: Runtime
) -> None:
    await ingesting.take(received(birth(), "status"))
    await Taking(runtime).take(received(birth(), "status"))
    await ingesting.take(received(death(), "status"))
    await ingesting.take(received(b"", "status"))
    assert [event.id for event in await ingesting.on("device.birth")] == [birth().event_id]
    assert [event.id for event in await ingesting.on("device.death")] == [death().event_id]
    assert await ingesting.letters() == []


async def test_a_birth_that_tells_of_another_model_is_news(ingesting: Taking) -> None:
    await ingesting.take(received(birth(), "status"), received(birth(monotonic_us=9), "status"))
    assert len({event.id for event in await ingesting.on("device.birth")}) == 2


async def test_health_goes_onto_the_bus_without_a_record(ingesting: Taking) -> None:
    health = DeviceHealth(
        device="pump-1", boot_id=BOOT, monotonic_us=1, wall_us=1, sampled=5, bad_lines=0,
        reconnects=0, dropped=0, waiting_rows=0, outbox_bytes=0,
    )  # fmt: skip
    await ingesting.take(received(health, "health"))
    assert len(await ingesting.on("device.health")) == 1
    assert await ingesting.records() == []


async def test_a_clock_that_jumps_changes_nothing(ingesting: Taking) -> None:
    """Neither the order nor the acknowledgement looks at a device's clock."""
    await ingesting.take(
        received(readings(1, 5)),
        received(readings(6, 10, wall_us=0)),
        received(readings(11, 15, wall_us=9 * 10**15)),
    )
    assert await ingesting.ranges() == [(1, 5), (6, 10), (11, 15)]


async def test_the_largest_batch_rides_as_a_reference(ingesting: Taking) -> None:
    large = readings(1, 1000).model_copy(
        update={
            "features": tuple(f"f{n}" for n in range(20)),
            "values": tuple((1.5,) * 20 for _ in range(1000)),
        }
    )
    await ingesting.take(received(large))
    [event] = await ingesting.on("telemetry.readings")
    assert len(event.data) < 65_536
    [record] = await ingesting.records()
    assert record.outputs[0].sha256 == large.digest


async def test_a_device_that_restarts_for_ever_takes_no_more_room(ingesting: Taking) -> None:
    for number in range(40):
        await ingesting.take(received(readings(1, 2, boot=f"{number:032x}")))
    assert len(ingesting.positions.of("pump-1").boots) <= 16
    await ingesting.take(received(readings(1, 2, boot=f"{39:032x}")))
    assert len(await ingesting.ranges()) == 40


@pytest.mark.parametrize("restarted", [False, True], ids=["same bridge", "another bridge"])
async def test_forty_boots_that_wait_at_once_come_twice_and_are_taken_once(
    runtime: Runtime, restarted: bool
) -> None:
    """A crash loop while the bridge is away, and a broker that brings its queue again."""
    boots = [f"{number:032x}" for number in range(40)]
    queue = [received(readings(a, a + 1, boot=boot)) for boot in boots for a in (1, 3)]
    queue += [received(wrapped(anomaly(boot=boot), 1, boot=boot), "events") for boot in boots]
    ingesting = Taking(runtime)
    for begin in range(0, len(queue), 7):
        await ingesting.take(*queue[begin : begin + 7])
    if restarted:
        ingesting = Taking(runtime)
    for begin in range(0, len(queue), 11):
        again = await ingesting.take(*queue[begin : begin + 11])
        assert not again.outputs
    await ingesting.take(received(readings(3, 6, boot=boots[0])))
    assert len(await ingesting.ranges()) == 81
    assert (await ingesting.ranges())[-1] == (5, 6)
    assert len(await ingesting.on("anomaly.opened")) == 40
