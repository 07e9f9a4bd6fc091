"""What becomes of a message: taken once, cut, kept as a dead letter, or dropped; never more."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lineal.dead_letters import LetterFilter, NobodyToRedriveTo, drop, redrive, waiting_letters
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.errors import UnknownTopic
from lineal.lineage.ledger import all_steps
from lineal.lineage.record import RecordedStep
from lineal.runtime import Runtime, open_runtime
from lineal.settings import MqttSettings, Settings
from lineal_producers.mqtt.connection import Received
from lineal_producers.mqtt.intake import Intake, Prepared
from lineal_producers.mqtt.positions import Positions
from lineal_producers.mqtt.records import Recorder, bridge_build
from lineal_schemas.deployments import DeploymentJobUpdated
from lineal_schemas.envelope import RawEvent, decode
from lineal_schemas.failures import DeadLetter
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
    readings,
    received,
    wrapped,
)


class Taking:
    """An intake on an embedded bus, as the bridge drives it."""

    def __init__(self, runtime: Runtime, **settings: int) -> None:
        self.runtime = runtime
        chosen = MqttSettings.model_validate(settings)
        self.positions = Positions(runtime, sightings=chosen.hole_sightings)
        self.intake = Intake(
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
        said = [parse_stream_message(event.data) for event in await self.on("telemetry.readings")]
        return [(one.first_seq, one.last_seq) for one in said]

    async def records(self) -> list[RecordedStep]:
        return await self.runtime.store.read(lambda c: list(all_steps(c)))


@pytest.fixture
async def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runtime]:
    monkeypatch.chdir(tmp_path)
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    async with open_runtime(settings) as opened:
        yield opened


@pytest.fixture
def taking(runtime: Runtime) -> Taking:
    return Taking(runtime)


async def test_a_batch_goes_onto_the_bus_byte_by_byte_under_its_derived_id(taking: Taking) -> None:
    batch = readings(1, 20)
    await taking.take(received(batch))
    [event] = await taking.on("telemetry.readings")
    assert event.data == payload_bytes(batch)
    assert event.id == batch.event_id
    assert event.partitionkey == "pump-1"
    assert event.correlationid == "device:pump-1"


async def test_lineage_has_one_record_a_batch_that_names_its_digest(taking: Taking) -> None:
    batch = readings(1, 20)
    await taking.take(received(batch), received(gap(21, 30)))
    first, second = await taking.records()
    assert first.kind == "step"
    assert first.subject == "device:pump-1"
    assert [item.sha256 for item in first.outputs] == [batch.digest]
    assert first.attributes == {"boot": BOOT, "first_seq": 1, "last_seq": 20}
    assert second.kind == "gap"
    assert second.attributes["reason"] == "disk_full"


async def test_a_duplicate_has_no_effect_but_is_acknowledged_again(taking: Taking) -> None:
    await taking.take(received(readings(1, 20)), received(readings(1, 20)))
    prepared = await taking.take(received(readings(1, 20)))
    assert await taking.ranges() == [(1, 20)]
    assert prepared.outputs == []
    assert prepared.records == []
    assert prepared.heard == {("pump-1", BOOT): 0}


async def test_positions_outlive_the_bridge(taking: Taking, runtime: Runtime) -> None:
    await taking.take(received(readings(1, 20)), received(wrapped(anomaly()), "events"))
    later = Taking(runtime)
    await later.take(received(readings(1, 20)), received(wrapped(anomaly()), "events"))
    assert await later.ranges() == [(1, 20)]
    assert len(await later.on("anomaly.opened")) == 1
    position = later.positions.of("pump-1").boot(BOOT)
    assert (position.readings.upto, position.events.upto) == (20, 1)


async def test_an_overlap_is_cut_and_its_clocks_moved_along(taking: Taking) -> None:
    await taking.take(received(readings(1, 20)), received(readings(11, 30)))
    _, event = await taking.on("telemetry.readings")
    assert parse_stream_message(event.data) == readings(21, 30)
    *_, record = await taking.records()
    assert [item.sha256 for item in record.inputs] == [readings(11, 30).digest]
    assert [item.sha256 for item in record.outputs] == [readings(21, 30).digest]


async def test_what_is_ahead_is_asked_for_again_and_not_acknowledged(taking: Taking) -> None:
    await taking.take(received(readings(1, 20)))
    prepared = await taking.take(received(readings(41, 60)))
    assert prepared.heard[("pump-1", BOOT)] != 0
    assert taking.positions.of("pump-1").boot(BOOT).readings.upto == 20
    closed = await taking.take(received(readings(21, 40)), received(readings(41, 60)))
    assert closed.heard[("pump-1", BOOT)] == 0
    assert await taking.ranges() == [(1, 20), (21, 40), (41, 60)]


async def test_reordered_messages_end_up_in_order(taking: Taking) -> None:
    batches = [received(readings(n, n + 9)) for n in range(1, 100, 10)]
    for _ in range(len(batches)):  # as often as the device is asked to send again
        await taking.take(*reversed(batches))
    assert await taking.ranges() == [(n, n + 9) for n in range(1, 100, 10)]


async def test_a_hole_nobody_closes_becomes_a_gap_on_the_bus_and_in_the_ledger(
    runtime: Runtime,
) -> None:
    taking = Taking(runtime, hole_sightings=3)
    for _ in range(3):
        await taking.take(received(readings(21, 40)), received(readings(41, 60)))
    [event] = await taking.on("telemetry.gap")
    found = parse_stream_message(event.data)
    assert isinstance(found, TelemetryGap)
    assert (found.first_seq, found.last_seq, found.reason) == (1, 20, "unexplained")
    assert found.found_by == "bridge"
    assert await taking.ranges() == [(21, 40), (41, 60)]
    assert [record.kind for record in await taking.records()] == ["gap", "step", "step"]


async def test_streams_of_several_devices_and_boots_do_not_meddle(taking: Taking) -> None:
    other = "f" * 32
    await taking.take(
        received(readings(1, 5)),
        received(readings(1, 7, device="pump-2"), device="pump-2"),
        received(readings(1, 3, boot=other)),
        received(readings(6, 9)),
    )
    assert await taking.ranges() == [(1, 5), (1, 7), (1, 3), (6, 9)]


async def test_a_device_that_claims_to_be_another_is_refused(taking: Taking) -> None:
    prepared = await taking.take(received(readings(1, 20, device="pump-2"), device="pump-1"))
    assert prepared.counts["refused"] == 1
    assert await taking.ranges() == []
    [letter] = await taking.letters()
    assert letter.error_class == "ForeignDevice"
    assert letter.story_of == "device:pump-1"


async def test_a_refused_message_waits_on_when_somebody_tries_to_redrive_it(
    taking: Taking,
) -> None:
    """No group would read it: it would be gone, and be taken for decided on."""
    await taking.take(received(readings(1, 20, device="pump-2"), device="pump-1"))
    waiting = await waiting_letters(taking.runtime, LetterFilter())
    assert len(waiting) == 1
    with pytest.raises(NobodyToRedriveTo):
        await redrive(taking.runtime, waiting)
    assert await taking.on("redrive.bridge") == []
    assert await waiting_letters(taking.runtime, LetterFilter()) == waiting
    await drop(taking.runtime, waiting)
    assert await waiting_letters(taking.runtime, LetterFilter()) == []


async def test_an_anomaly_about_another_device_is_refused(taking: Taking) -> None:
    await taking.take(received(wrapped(anomaly(device="pump-2")), "events"))
    assert await taking.on("anomaly.opened") == []
    assert [letter.error_class for letter in await taking.letters()] == ["ForeignDevice"]


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
    ],
)
async def test_a_malformed_message_is_kept_with_its_bytes_and_holds_up_nobody(
    taking: Taking, body: bytes
) -> None:
    await taking.take(received(body), received(readings(1, 20, device="pump-2"), device="pump-2"))
    assert await taking.ranges() == [(1, 20)]
    [letter] = await taking.letters()
    kept = json.loads(letter.event)
    assert base64.b64decode(kept.get("data_base64", "")) == body
    assert kept["source"] == "mqtt:lineal/v1/pump-1/readings"


async def test_a_number_that_is_missing_is_null_and_taken(taking: Taking) -> None:
    body = payload_bytes(readings(1, 20)).replace(b"[1.0]", b"[null]")
    await taking.take(received(body))
    [event] = await taking.on("telemetry.readings")
    said = parse_stream_message(event.data)
    assert isinstance(said, TelemetryReadings)
    assert said.values[0] == (None,)


async def test_an_oversized_message_is_refused(runtime: Runtime) -> None:
    taking = Taking(runtime, message_bytes=300)
    await taking.take(received(readings(1, 20)))
    assert await taking.ranges() == []
    assert [letter.error_class for letter in await taking.letters()] == ["TooLarge"]


async def test_what_is_refused_again_and_again_is_kept_once(taking: Taking) -> None:
    for _ in range(5):
        prepared = await taking.take(received(b"rubbish"))
        assert prepared.counts["refused"] == 1
    assert len(await taking.letters()) == 1


async def test_a_device_that_sends_rubbish_does_not_fill_the_disk(taking: Taking) -> None:
    await taking.take(*(received(b"rubbish %d" % n) for n in range(500)))
    assert 0 < len(await taking.letters()) <= 100


async def test_a_device_may_not_send_events_of_the_servers(taking: Taking) -> None:
    """A compromised device must not be able to promote a model."""
    promoted = wrapped(anomaly()).model_copy(update={"event_type": ModelPromoted.type})
    await taking.take(
        received(promoted, "events"),
        received(wrapped(anomaly(detector="bus")), "events"),
        received(wrapped(anomaly()), "jobs/update"),
    )
    assert await taking.on("model.promoted") == []
    assert await taking.on("anomaly.opened") == []
    assert {letter.error_class for letter in await taking.letters()} == {"NotAllowed"}


async def test_device_events_are_taken_out_of_their_wrapper_once(taking: Taking) -> None:
    wrapper = wrapped(anomaly())
    await taking.take(received(wrapper, "events"), received(wrapper, "events"))
    [event] = await taking.on("anomaly.opened")
    assert event.id == wrapper.event_id
    assert decode(event).data == anomaly()


async def test_events_of_both_topics_share_one_count(taking: Taking) -> None:
    update = DeploymentJobUpdated(
        rollout_id="r",
        job_id="j",
        device="pump-1",
        state="IN_PROGRESS",
        expected_version=1,
        model=anomaly().model,
        wall_us=1,
    )
    prepared = await taking.take(
        received(wrapped(anomaly(), 1), "events"),
        received(wrapped(update, 3), "jobs/update"),
    )
    assert prepared.heard[("pump-1", BOOT)] != 0
    await taking.take(
        received(wrapped(anomaly(), 2), "events"),
        received(wrapped(update, 3), "jobs/update"),
    )
    assert len(await taking.on("deployment.job_updated")) == 1
    assert taking.positions.of("pump-1").boot(BOOT).events.upto == 3


async def test_lost_events_leave_a_gap_record(runtime: Runtime) -> None:
    taking = Taking(runtime, hole_sightings=2)
    for _ in range(2):
        await taking.take(received(wrapped(anomaly(), 4), "events"))
    assert len(await taking.on("anomaly.opened")) == 1
    first, _ = await taking.records()
    attributes = first.attributes
    assert (first.kind, attributes["first_event"], attributes["last_event"]) == ("gap", 1, 3)


async def test_a_retained_state_that_comes_again_is_known(taking: Taking, runtime: Runtime) -> None:
    await taking.take(received(birth(), "status"))
    await Taking(runtime).take(received(birth(), "status"))
    await taking.take(received(death(), "status"))
    await taking.take(received(b"", "status"))
    assert [event.id for event in await taking.on("device.birth")] == [birth().event_id]
    assert [event.id for event in await taking.on("device.death")] == [death().event_id]
    assert await taking.letters() == []


async def test_a_birth_that_tells_of_another_model_is_news(taking: Taking) -> None:
    await taking.take(received(birth(), "status"), received(birth(monotonic_us=9), "status"))
    assert len({event.id for event in await taking.on("device.birth")}) == 2


async def test_health_goes_onto_the_bus_without_a_record(taking: Taking) -> None:
    health = DeviceHealth(
        device="pump-1", boot_id=BOOT, monotonic_us=1, wall_us=1, sampled=5, bad_lines=0,
        reconnects=0, dropped=0, waiting_rows=0, outbox_bytes=0,
    )  # fmt: skip
    await taking.take(received(health, "health"))
    assert len(await taking.on("device.health")) == 1
    assert await taking.records() == []


async def test_a_clock_that_jumps_changes_nothing(taking: Taking) -> None:
    """Neither the order nor the acknowledgement looks at a device's clock."""
    await taking.take(
        received(readings(1, 5)),
        received(readings(6, 10, wall_us=0)),
        received(readings(11, 15, wall_us=9 * 10**15)),
    )
    assert await taking.ranges() == [(1, 5), (6, 10), (11, 15)]


async def test_the_largest_batch_rides_as_a_reference(taking: Taking) -> None:
    large = readings(1, 1000).model_copy(
        update={
            "features": tuple(f"f{n}" for n in range(20)),
            "values": tuple((1.5,) * 20 for _ in range(1000)),
        }
    )
    await taking.take(received(large))
    [event] = await taking.on("telemetry.readings")
    assert len(event.data) < 65_536
    [record] = await taking.records()
    assert record.outputs[0].sha256 == large.digest


async def test_a_device_that_restarts_for_ever_takes_no_more_room(taking: Taking) -> None:
    for number in range(40):
        await taking.take(received(readings(1, 2, boot=f"{number:032x}")))
    assert len(taking.positions.of("pump-1").boots) <= 16
    await taking.take(received(readings(1, 2, boot=f"{39:032x}")))
    assert len(await taking.ranges()) == 40
