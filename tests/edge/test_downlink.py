"""What the server says is understood, whatever else comes on the device's topics."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lineal_edge.downlink import Downlink, merged
from lineal_schemas import mqtt_topics
from lineal_schemas.anomalies import AnomalyAnswered
from lineal_schemas.mqtt_topics import DOWN
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import TelemetryAck

BOOT = "a" * 32


def ack(seq: int, event: int = 0, *, resend: bool = False, device: str = "pump-1") -> TelemetryAck:
    return TelemetryAck(device=device, boot_id=BOOT, upto_seq=seq, upto_event=event, resend=resend)


def downlink(heard: list[Any]) -> Downlink:
    return Downlink(
        "pump-1",
        acknowledged=heard.append,
        notified=heard.append,
        replied=heard.append,
        answered=heard.append,
    )


@given(st.sampled_from(DOWN), st.binary(max_size=200))
def test_no_message_can_harm(name: str, body: bytes) -> None:
    downlink([]).received(mqtt_topics.device_topic("pump-1", name), body)


def test_a_handler_that_fails_does_not_end_the_connection() -> None:
    def fail(_: object) -> None:
        raise RuntimeError("broken")

    broken = Downlink("pump-1", acknowledged=fail, notified=fail, replied=fail)
    broken.received(mqtt_topics.ack("pump-1"), payload_bytes(ack(1)))


def test_only_what_is_for_this_device_is_received() -> None:
    heard: list[Any] = []
    link = downlink(heard)
    link.received(mqtt_topics.ack("pump-1"), payload_bytes(ack(1)))
    link.received(mqtt_topics.ack("pump-2"), payload_bytes(ack(2)))
    link.received(mqtt_topics.ack("pump-1"), payload_bytes(ack(3, device="pump-2")))
    link.received("something/else", payload_bytes(ack(4)))
    assert heard == [ack(1)]


def test_acknowledgements_are_cumulative_and_a_gap_stays_until_it_is_passed() -> None:
    assert merged(None, ack(5)) == ack(5)
    assert merged(ack(5, 2), ack(3, 4)) == ack(5, 4)
    assert merged(ack(5, resend=True), ack(5)) == ack(5, resend=True)
    assert merged(ack(5, resend=True), ack(9)) == ack(9)
    assert merged(ack(5), ack(5, resend=True)) == ack(5, resend=True)


def test_what_a_person_says_of_an_anomaly_is_handed_on() -> None:
    heard: list[Any] = []
    answer = AnomalyAnswered(
        device="pump-1", anomaly_id="a", is_normal=True, at_seq=7, boot_id=BOOT, by="user:ann"
    )
    link = downlink(heard)
    link.received(mqtt_topics.anomaly_answer("pump-1"), payload_bytes(answer))
    other = answer.model_copy(update={"device": "pump-2"})
    link.received(mqtt_topics.anomaly_answer("pump-1"), payload_bytes(other))
    assert heard == [answer]
