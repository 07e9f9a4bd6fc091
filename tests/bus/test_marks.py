"""A mark is of one event, as it is, and of one installation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.bus.marks import MarkKey, Marks, add_key, open_marks, remove_key, stored_keys
from lineal.bus.protocol import Delivery, Position
from lineal.stages.pipeline.marks import UnmarkedEvent, check_mark
from lineal.store.database import Database
from lineal_schemas.bindings import from_kafka, from_sns, to_kafka, to_sns
from lineal_schemas.envelope import RawEvent
from tests.schemas.raw_events import RAW_EVENTS

MARKS = Marks([MarkKey("k1", b"1" * 32)])
OTHERS = Marks([MarkKey("k1", b"2" * 32)])
CHANGES = {
    name: st.text(max_size=5)
    for name in (
        "id", "source", "type", "subject", "datacontenttype", "dataschema", "partitionkey",
        "causationid", "correlationid", "supersedes", "actor",
    )
} | {"data": st.binary(max_size=5), "time": st.integers(0, 1 << 50)}  # fmt: skip


def test_a_mark_is_of_all_attributes_but_the_trace() -> None:
    assert {*CHANGES, "traceparent", "mark"} == set(RawEvent._fields)


@given(RAW_EVENTS)
def test_a_marked_event_is_known_also_when_a_broker_has_carried_it(event: RawEvent) -> None:
    marked = MARKS.marked(event)
    assert MARKS.valid(marked)
    assert not OTHERS.valid(marked)
    assert not MARKS.valid(event._replace(mark=None))
    key, value, headers = to_kafka(marked)
    assert MARKS.valid(from_kafka(key, value, headers))
    assert MARKS.valid(from_sns(to_sns(marked).body))


@given(RAW_EVENTS, st.sampled_from(sorted(CHANGES)), st.data())
def test_whatever_is_changed_the_mark_is_void(event: RawEvent, name: str, data: Any) -> None:
    value = data.draw(CHANGES[name])
    changed = MARKS.marked(event)._replace(**{name: value})
    assert MARKS.valid(changed) is (getattr(event, name) == value)


@given(st.text(max_size=80) | st.none())
def test_no_text_is_a_mark_by_chance(mark: str | None) -> None:
    event = RawEvent("1", "s", "t", None, 0, "a/b", None, "k", None, None, "c", b"", mark=mark)
    assert not MARKS.valid(event)


async def test_keys_change_while_others_run(database: Database) -> None:
    event = RawEvent("1", "s", "t", None, 0, "a/b", None, "k", None, None, "c", b"")
    one, two = await asyncio.gather(open_marks(database, None), open_marks(database, None))
    before = one.marked(event)
    assert await two.check(before)
    await database.write(add_key)
    newer = await open_marks(database, None)
    assert await one.check(newer.marked(event))
    assert await newer.check(before)
    oldest = (await database.read(stored_keys))[-1]
    assert await database.write(lambda c: remove_key(c, oldest.key_id))
    assert not await (await open_marks(database, None)).check(before)


async def test_secrets_of_the_settings_are_taken_instead(database: Database) -> None:
    event = RawEvent("1", "s", "t", None, 0, "a/b", None, "k", None, None, "c", b"")
    old, new = await open_marks(database, "old"), await open_marks(database, "new, old")
    assert await new.check(old.marked(event))
    assert not await old.check(new.marked(event))
    assert await database.read(stored_keys) == []


@pytest.mark.parametrize(
    ("kind", "topic", "source", "passes"),
    [
        ("com.example.own", "com.example.own", "/shop", True),
        ("document.arrived", "document.arrived", "/shop", True),
        ("document.text_extracted", "document.text_extracted", "/shop", False),
        ("deployment.requested", "deployment.requested", "/shop", False),
        ("com.example.own", "redrive.nlp", "/shop", False),
        ("com.example.own", "deployment.requested", "/shop", False),
        ("com.example.own", "com.example.own", "lineal:stage/nlp", False),
    ],
)
async def test_unmarked_only_what_others_may_send_is_handled(
    kind: str, topic: str, source: str, passes: bool
) -> None:
    event = RawEvent("1", source, kind, None, 0, "a/b", None, "k", None, None, "c", b"")
    types = frozenset(("document.arrived",))
    await check_mark(Delivery(Position(topic, 0, 0), MARKS.marked(event)), MARKS, types)
    for forged in (event, OTHERS.marked(event)):
        delivery = Delivery(Position(topic, 0, 0), forged)
        if passes:
            await check_mark(delivery, MARKS, types)
        else:
            with pytest.raises(UnmarkedEvent, match="nobody of this installation"):
                await check_mark(delivery, MARKS, types)
