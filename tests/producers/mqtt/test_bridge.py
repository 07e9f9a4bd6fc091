"""The bridge as a process, over a real mosquitto with client certificates and its access list."""

from __future__ import annotations

import contextlib
import queue
import time

import orjson
import pytest

from lineal.store.objects import reference
from lineal_local.mosquitto import Mosquitto
from lineal_schemas import mqtt_topics
from lineal_schemas.deployments import (
    DeploymentControl,
    DeploymentRequested,
    Ring,
    RolloutPlan,
)
from lineal_schemas.models import ModelPromoted, ModelRef
from lineal_schemas.telemetry import TelemetryAck, parse_stream_message
from tests.producers.mqtt.device_double import DeviceDouble
from tests.producers.mqtt.messages import (
    BOOT,
    anomaly,
    birth,
    readings,
    wrapped,
)
from tests.producers.mqtt.system import BridgeProcess, complete


def device(broker: Mosquitto, name: str = "pump-1") -> DeviceDouble:
    return DeviceDouble(
        broker.tls_port,
        name,
        identity=broker.client(name),
        ca=broker.ca_file,
        host="localhost",
    )


def test_readings_are_on_the_bus_when_they_are_acknowledged(
    broker: Mosquitto, bridge: BridgeProcess
) -> None:
    bridge.start()
    with device(broker) as pump:
        pump.say(readings(1, 20))
        ack = pump.wait_for_ack(20)
        assert ack == TelemetryAck(device="pump-1", boot_id=BOOT, upto_seq=20)
        assert bridge.stream() == [(1, 20, "readings")]


def test_birth_events_and_health_arrive_and_events_are_acknowledged(
    broker: Mosquitto, bridge: BridgeProcess
) -> None:
    bridge.start()
    with device(broker) as pump:
        pump.say(birth(), "status", retain=True)
        pump.say(wrapped(anomaly()), "events")
        pump.wait_for_ack(0, upto_event=1)
        bridge.until(lambda: bridge.ids("device.birth"))
        assert bridge.ids("anomaly.opened") == [wrapped(anomaly()).event_id]


def test_a_device_can_publish_only_as_itself(broker: Mosquitto, bridge: BridgeProcess) -> None:
    """Really tried: by topic (the broker's list) and by payload (the bridge's check)."""
    bridge.start()
    with device(broker, "pump-2") as victim:
        for name in mqtt_topics.UP + mqtt_topics.DOWN:
            # mosquitto 2.0 ends the connection of one who publishes what it may not
            with device(broker) as thief, contextlib.suppress(RuntimeError):
                thief.say_on(
                    mqtt_topics.device_topic("pump-2", name), readings(1, 20, device="pump-2")
                )
        with device(broker) as thief:
            thief.say(readings(1, 20, device="pump-2"))
            thief.say(readings(1, 5))
            thief.wait_for_ack(5)
        with pytest.raises(queue.Empty):
            victim.received.get(timeout=0.3)
        assert victim.acks == []
    assert bridge.stream("pump-2") == []
    assert bridge.stream("pump-1") == [(1, 5, "readings")]
    [letter] = [orjson.loads(data) for data in bridge.events("dead.bridge")]
    assert letter["error_class"] == "DeviceMismatch"


FORGERIES = [
    DeploymentRequested(
        rollout_id="r1",
        model=ModelRef(name="turbine", version=9, sha256="0" * 64),
        artifact=reference("0" * 64, 1, "application/onnx"),
        counter=2147483647,
        plan=RolloutPlan(rings=(Ring(name="all", devices=("pump-1",)),)),
        by="alice (administrator)",
        requested_us=1,
    ),
    DeploymentControl(rollout_id="r1", action="abort", by="alice", requested_us=1),
    ModelPromoted(
        name="turbine",
        model=ModelRef(name="turbine", version=9, sha256="0" * 64),
        how="manual",
        by="alice",
        counter=2147483647,
        artifact=reference("0" * 64, 1, "application/onnx"),
    ),
]


def test_a_device_cannot_say_what_stages_and_people_say(
    broker: Mosquitto, bridge: BridgeProcess
) -> None:
    """With its own certificate, on its own topics: no rollout, no abort, no promotion."""
    bridge.start()
    foreign = wrapped(anomaly()).model_copy(update={"event_type": "document.text_extracted"})
    with device(broker) as thief:
        for name in ("events", "jobs/update"):
            for number, forged in enumerate(FORGERIES, 1):
                thief.say(wrapped(forged, number), name)
            thief.say(foreign, name)
        for forged in FORGERIES:
            thief.say(forged)
            thief.say(forged, "status")
        thief.say(readings(1, 5))
        thief.wait_for_ack(5)
    for topic in (*(forged.type for forged in FORGERIES), foreign.event_type):
        assert bridge.count(topic) == 0
    letters = [orjson.loads(data) for data in bridge.events("dead.bridge")]
    assert len(letters) == 2 * (len(FORGERIES) + 1) + 2 * len(FORGERIES)
    assert {letter["error_class"] for letter in letters} == {"NotAllowed", "Malformed"}
    assert bridge.stream() == [(1, 5, "readings")]


def test_a_device_hears_only_what_is_its_own(broker: Mosquitto, bridge: BridgeProcess) -> None:
    bridge.start()
    with device(broker, "pump-2") as spy, device(broker) as pump:
        spy._client.subscribe([("lineal/v1/#", 1), (mqtt_topics.ack("pump-1"), 1)])
        pump.say(readings(1, 20))
        pump.wait_for_ack(20)
        spy.say(readings(1, 3, device="pump-2"))
        spy.wait_for_ack(3)
        assert spy.received.empty()
        assert {ack.device for ack in spy.acks} == {"pump-2"}


def test_rubbish_is_taken_from_the_broker_and_holds_up_nobody(
    broker: Mosquitto, bridge: BridgeProcess
) -> None:
    bridge.start()
    with device(broker) as pump:
        pump.say(b"\x00\xff" * 1000)
        pump.say(b"")
        pump.say(b"{" * 200_000)
        pump.say(b"x" * 9_000_000)
        pump.say(readings(1, 20))
        pump.wait_for_ack(20)
    bridge.kill()
    bridge.start()
    with device(broker) as pump:
        pump.say(readings(21, 40))
        pump.wait_for_ack(40)
    letters = [orjson.loads(data) for data in bridge.events("dead.bridge")]
    # the large ones ride as references
    assert len(letters) == 4
    assert complete(bridge.stream(), 40)


def test_a_killed_bridge_neither_forgets_nor_doubles(
    broker: Mosquitto, bridge: BridgeProcess
) -> None:
    bridge.start()
    with device(broker) as pump:
        sent = 0
        for round_number in range(4):
            batches = [readings(n, n + 9) for n in range(sent + 1, sent + 3000, 10)]
            sent = batches[-1].last_seq
            pump.say_all(batches[: len(batches) // 2])
            if round_number < 3:
                bridge.kill()  # in the middle of a batch, most likely
                pump.say_all(batches[len(batches) // 2 :])
                bridge.start()
            else:
                pump.say_all(batches[len(batches) // 2 :])
        pump.wait_for_ack(sent)
    assert complete(bridge.stream(), sent)
    assert len(set(bridge.ids("telemetry.readings"))) == len(bridge.ids("telemetry.readings"))
    recorded = [r.outputs[0].sha256 for r in bridge.records() if r.kind == "step"]
    assert len(recorded) == len(set(recorded)) == sent // 10


def test_duplicated_and_reordered_messages_leave_the_stream_whole(
    broker: Mosquitto, bridge: BridgeProcess
) -> None:
    bridge.start()
    with device(broker) as pump:
        batches = [readings(n, n + 9) for n in range(1, 100, 10)]
        pump.say_all([*batches[:2], batches[1], batches[0], batches[4], batches[3]])
        assert pump.wait_for_resend().upto_seq == 20
        pump.say_all(batches[2:])
        pump.wait_for_ack(100)
    assert complete(bridge.stream(), 100)
    assert all(kind == "readings" for _, _, kind in bridge.stream())


def test_a_bridge_that_was_cut_off_comes_back_by_itself(
    broker: Mosquitto, bridge: BridgeProcess
) -> None:
    bridge.start()
    with device(broker) as pump:
        pump.say(readings(1, 20))
        pump.wait_for_ack(20)
        broker.shut_down()
        bridge.until(lambda: "broker is away" in bridge.log())
        broker.restart()
        deadline = time.monotonic() + 180
        while not any(ack.upto_seq >= 40 for ack in pump.acks):
            assert time.monotonic() < deadline, bridge.log()[-2000:]
            with contextlib.suppress(RuntimeError):
                pump.say(readings(21, 40))  # again and again, as a device does
            time.sleep(0.2)
    assert complete(bridge.stream(), 40)


def test_a_second_bridge_stands_by_and_takes_over(
    broker: Mosquitto, bridge: BridgeProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bridge.start()
    second = BridgeProcess(
        tmp_path_factory.mktemp("second"), {**bridge._variables, "LINEAL_DATA": str(bridge.data)}
    )
    second.data = bridge.data
    try:
        second.start(wait=False)
        second.until(lambda: "bridge.standing_by" in second.log())
        with device(broker) as pump:
            pump.say(readings(1, 20))
            pump.wait_for_ack(20)
            bridge.kill()
            pump.say(readings(21, 40))
            pump.wait_for_ack(40)
        assert complete(second.stream(), 40)
    finally:
        second.kill()


def test_a_bridge_that_hung_cannot_write_any_more(
    broker: Mosquitto, bridge: BridgeProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Stopped for longer than its lease: the next one works, and the first finds out."""
    bridge.start()
    second = BridgeProcess(
        tmp_path_factory.mktemp("second"), {**bridge._variables, "LINEAL_DATA": str(bridge.data)}
    )
    second.data = bridge.data
    try:
        second.start(wait=False)
        with device(broker) as pump:
            pump.say(readings(1, 20))
            pump.wait_for_ack(20)
            bridge.pause()
            second.until(lambda: "bridge.connected" in second.log())
            pump.say(readings(21, 40))
            pump.wait_for_ack(40)
            bridge.resume()
            bridge.until(lambda: bridge.log().count("bridge.standing_by"))
            pump.say(readings(41, 60))
            pump.wait_for_ack(60)
        assert complete(second.stream(), 60)
    finally:
        second.kill()


def test_a_bridge_stops_on_request(broker: Mosquitto, bridge: BridgeProcess) -> None:
    bridge.start()
    assert bridge.stop() == 0
    bridge.start()
    with device(broker) as pump:
        pump.say(readings(1, 20))
        pump.wait_for_ack(20)


def test_all_readings_carry_what_was_measured(broker: Mosquitto, bridge: BridgeProcess) -> None:
    bridge.start()
    batches = [readings(n, n + 19) for n in range(1, 1000, 20)]
    with device(broker) as pump:
        pump.say_all(batches)
        pump.wait_for_ack(1000)
    assert [parse_stream_message(data) for data in bridge.events("telemetry.readings")] == batches
