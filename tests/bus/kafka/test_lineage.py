"""Records and memos arrive as they were sent, however many there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.bus.kafka.lineage import MOST_BYTES, lineage_messages, read_message
from lineal.bus.protocol import Delivery, Position, Settlement
from lineal.effects.memo import MemoEntry
from lineal.lineage.canonical import parse_record
from lineal_schemas.envelope import RawEvent
from tests.lineage.records import one_step


def settlement(number: int, size: int) -> Settlement:
    event = RawEvent("i", "s", "t", None, 0, "a/b", None, "k", None, None, "c", b"")
    record = one_step(f"task:{number}", started=number, attributes={"text": "x" * size})
    effects = [MemoEntry(bytes(32), b"[]" + bytes(size))] if number % 2 else []
    return Settlement(Delivery(Position("t", 0, number), event), record=record, effects=effects)


@given(st.lists(st.integers(0, 400_000), max_size=8))
def test_everything_arrives_in_order_in_messages_a_broker_takes(sizes: list[int]) -> None:
    settlements = [settlement(number, size) for number, size in enumerate(sizes)]
    messages = lineage_messages(settlements)
    assert all(len(message) <= MOST_BYTES for message in messages)
    found = [read_message(message) for message in messages]
    steps = [step for some, _ in found for record in some for step in parse_record(record).steps]
    assert steps == [s.record.steps[0] for s in settlements if s.record is not None]
    assert [m for _, some in found for m in some] == [e for s in settlements for e in s.effects]


@given(st.integers(1, 30))
def test_a_message_that_is_cut_off_is_no_message(cut: int) -> None:
    (message,) = lineage_messages([settlement(1, 10)])
    with pytest.raises(ValueError):
        read_message(message[:-cut])
