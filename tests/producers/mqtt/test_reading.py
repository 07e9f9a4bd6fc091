"""Whatever bytes a device sends, they are read or refused; nothing else ever happens."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal_producers.mqtt.client import ReadingClient
from lineal_producers.mqtt.reading import read_message
from lineal_producers.mqtt.rejections import RejectedMessage, TooLarge
from lineal_schemas.mqtt_topics import UP
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import TelemetryReadings
from tests.long import examples
from tests.producers.mqtt.messages import anomaly, birth, gap, readings, wrapped

_VALID = [payload_bytes(one) for one in (readings(1, 3), gap(4, 5), birth(), wrapped(anomaly()))]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.sampled_from([*UP, "ack", "nonsense"]), st.binary() | st.sampled_from(_VALID))
def test_any_bytes_are_read_or_refused(name: str, body: bytes) -> None:
    with contextlib.suppress(RejectedMessage):
        read_message(name, "pump-1", body, 10_000)


@given(st.sampled_from(UP), st.sampled_from(_VALID), st.data())
def test_a_message_that_is_changed_anywhere_is_read_or_refused(
    name: str, body: bytes, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(body) - 1))
    changed = body[:place] + data.draw(st.binary(max_size=3)) + body[place + 1 :]
    with contextlib.suppress(RejectedMessage):
        read_message(name, "pump-1", changed, 10_000)


@settings(max_examples=examples(50))
@given(st.dictionaries(st.text(), _JSON, max_size=5))
def test_what_an_event_holds_is_read_or_refused(inner: dict[str, object]) -> None:
    wrapper = wrapped(anomaly()).model_copy(update={"data": inner})
    try:
        body = payload_bytes(wrapper)
    except ValueError:
        return  # no device could have made it either: lone surrogates
    with contextlib.suppress(RejectedMessage):
        read_message("events", "pump-1", body, 1_000_000)


def test_why_a_message_is_refused_says_nothing_of_what_was_sent() -> None:
    body = payload_bytes(readings(1, 3)).replace(b"pump-1", b"my secret!")
    with pytest.raises(RejectedMessage) as rejected:
        read_message("readings", "pump-1", body, 10_000)
    assert "secret" not in str(rejected.value)
    assert str(rejected.value) == "device: string_pattern_mismatch"


def test_the_limit_is_on_bytes() -> None:
    body = payload_bytes(readings(1, 3))
    assert isinstance(read_message("readings", "pump-1", body, len(body)), TelemetryReadings)
    with pytest.raises(TooLarge):
        read_message("readings", "pump-1", body, len(body) - 1)


def test_the_short_way_through_paho_is_there() -> None:
    """What it overrides is not public: another paho must not silently leave it unused."""
    for name in ("_sock_recv", "_handle_publish", "_handle_pubackcomp"):
        assert hasattr(super(ReadingClient, ReadingClient), name)
