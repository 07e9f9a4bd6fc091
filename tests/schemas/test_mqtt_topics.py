"""No device can reach into another's topics by its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from lineal_schemas import mqtt_topics
from lineal_schemas.mqtt_topics import DOWN, UP, DeviceTopic, InvalidDevice

NAMES = st.sampled_from(UP + DOWN)


@pytest.mark.parametrize("device", ["", "a/b", "+", "#", "a+", "..", "$SYS", "a b", "a" * 65, "é"])
def test_a_name_that_is_not_one_plain_level_is_refused(device: str) -> None:
    with pytest.raises(InvalidDevice):
        mqtt_topics.readings(device)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True), NAMES)
def test_a_topic_leads_back_to_its_device(device: str, name: str) -> None:
    topic = mqtt_topics.device_topic(device, name)
    assert mqtt_topics.parse(topic) == DeviceTopic(device, name)
    assert topic_matches_sub(mqtt_topics.of_all_devices(name), topic)


@given(st.text())
def test_a_topic_that_is_taken_for_ours_is_ours(topic: str) -> None:
    parsed = mqtt_topics.parse(topic)
    assert parsed is None or mqtt_topics.device_topic(*parsed) == topic


@pytest.mark.parametrize(
    "topic",
    ["lineal/v1/a", "lineal/v1/a/", "lineal/v1//readings", "lineal/v2/a/readings", "a/readings"],
)
def test_other_topics_are_nobodys(topic: str) -> None:
    assert mqtt_topics.parse(topic) is None


def test_a_shared_subscription_takes_the_same_topics() -> None:
    assert mqtt_topics.of_all_devices("readings", "b") == "$share/b/lineal/v1/+/readings"
