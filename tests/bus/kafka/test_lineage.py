"""Effects travel as they were committed, in order, in messages that a broker takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineal.bus.kafka.committing import MAX_BYTES, effect_messages
from lineal.effects.codec import decode
from lineal.effects.effect import Effect
from lineal.effects.memo import MemoEntry
from lineal.effects.records import LineageRecord


def effect(number: int, size: int) -> Effect:
    return MemoEntry(bytes(32), bytes(size)) if number % 2 else LineageRecord(bytes(size))


@given(st.lists(st.integers(0, 400_000), max_size=8))
def test_everything_arrives_in_order_in_messages_a_broker_takes(sizes: list[int]) -> None:
    effects = [effect(number, size) for number, size in enumerate(sizes)]
    messages = effect_messages(effects)
    assert all(0 < len(message) <= MAX_BYTES for message in messages)
    assert [each for message in messages for each in decode(message)] == effects


def test_what_is_too_large_to_share_has_a_message_of_its_own() -> None:
    effects = [effect(0, 10), effect(1, MAX_BYTES + 1), effect(2, 10)]
    assert [decode(message) for message in effect_messages(effects)] == [[e] for e in effects]
