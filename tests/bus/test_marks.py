"""A mark is of one event, as it is, and of one installation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE
from lineal.bus.marks import MarkKey, Marks, add_key, open_marks, remove_key, stored_keys
from lineal.bus.protocol import Delivery, Position
from lineal.errors import PermanentFailure
from lineal.stages.pipeline.invocation import Invocation
from lineal.stages.pipeline.marks import CheckMarks, UnmarkedEvent, check_mark
from lineal.store.database import Database
from lineal.store.objects import reference
from lineal_schemas.bindings import from_kafka, from_sns, to_kafka, to_sns
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.envelope import RawEvent, first_event
from lineal_schemas.payload import Payload
from tests.schemas.raw_events import RAW_EVENTS

if TYPE_CHECKING:
    from lineal.stages.identity import Identity

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


def arrival(**attributes: Any) -> RawEvent:
    """As somebody who may write to the topic of arrivals sends it."""
    ref = reference("a" * 64, 3, "text/plain")
    payload = DocumentArrived(name="a.txt", source="urn:shop/1", content=ref)
    return first_event(payload, id="1", source="urn:shop")._replace(**attributes)


async def handled(event: RawEvent) -> Invocation:
    """What a stage is given of an event on a shared broker."""
    check = CheckMarks(MARKS, frozenset((DocumentArrived.type,)))
    delivery = Delivery(Position(event.type, 0, 0), event)
    invocation = Invocation(delivery, 1, cast("Identity", None), event)
    await check.before([invocation])
    return invocation


async def test_what_others_write_to_a_broker_is_attributed_to_nothing_of_ours() -> None:
    """It says of itself that it is about, follows from and replaces what lineal has made."""
    own = arrival()
    claims: dict[str, Any] = {
        "correlationid": "document:victim", "subject": "document:victim", "partitionkey": "victim",
        "causationid": "a step's", "supersedes": "an event's", "actor": "user:root",
    }  # fmt: skip
    taken = (await handled(own._replace(**claims))).event
    assert taken._replace(traceparent=None) == own
    ours = MARKS.marked(own._replace(**claims))
    assert (await handled(ours)).event == ours


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"time": 4_000_000_000_000_000}, "ahead of the clock"),
        ({"subject": "s" * 3_000}, "subject has more than"),
        ({"datacontenttype": REFERENCE_MEDIA_TYPE}, "is made by lineal itself"),
        ({"type": "com.example.own", "datacontenttype": REFERENCE_MEDIA_TYPE}, "lineal itself"),
        ({"type": "com.example.own", "time": 4_000_000_000_000_000}, "ahead of the clock"),
    ],
)
async def test_what_no_ingress_takes_no_broker_brings(
    attributes: dict[str, Any], reason: str
) -> None:
    refused = (await handled(arrival(**attributes))).error
    assert isinstance(refused, PermanentFailure)
    assert reason in str(refused)


async def test_a_name_without_end_comes_by_no_broker() -> None:
    payload = DocumentArrived(name="n" * 5_000, source="urn:shop/1", problem="none")
    long = first_event(payload, id="1", source="urn:shop")
    assert "name has more than" in str((await handled(long)).error)


async def test_a_users_own_event_keeps_its_envelope() -> None:
    own = arrival(type="com.example.own", correlationid="order:7", causationid="before")
    assert (await handled(own)).event == own
    assert (await handled(own._replace(actor="user:root"))).event == own


class Parcel(Payload, type="shop.parcel", version=1):
    number: str

    def correlation_key(self) -> str:
        return f"parcel:{self.number}"


async def test_what_an_event_of_others_is_about_is_known_by_its_data() -> None:
    """Another framework's service sends data and an id: it could be found, and erased, by its id
    alone."""
    named = RawEvent(
        "1", "/shop", Parcel.type, None, 0, "application/json", None, "k", None, None, "1",
        b'{"number": "7"}',
    )  # fmt: skip
    taken = (await handled(named)).event
    assert (taken.correlationid, taken.subject) == ("parcel:7", "parcel:7")
    assert taken.partitionkey == "k", "it is in the partition of its own key"
    stated = named._replace(correlationid="order:1", subject="x")
    assert (await handled(stated)).event == stated
    for data in (b"{", b"{}"):
        unreadable = named._replace(data=data)
        assert (await handled(unreadable)).event == unreadable, "the stage says what is wrong"


MAY_READ_ANYTHING = {
    "cli/lineal_cli/examples/example_run.py": "an example's own bus",
    "cli/lineal_cli/fleet_reporter.py": "a simulation's own bus",
    "cli/lineal_cli/idle_stages.py": "says only that there is something",
    "cli/lineal_cli/simulation.py": "a simulation's own bus",
    "cli/lineal_cli/tail.py": "shows what is on a topic",
    "console/lineal_console/event_reading.py": "shows what is on a topic",
    "lineal/dead_letters.py": "letters say whether they are marked",
    "lineal/events_on_topic.py": "leaves out what a stage would refuse",
    "lineal/lineage/follower.py": "checks marks itself",
    "lineal/lineage/topic_records.py": "checks marks itself",
    "lineal/migrate.py": "checks marks itself",
    "lineal/proof/topic_reading.py": "names what nobody has made",
    "lineal/replay/events.py": "for stages, which check marks",
    "lineal/replay/preview.py": "counts",
    "producers/lineal_producers/regions/run_producer.py": "checks marks itself",
}


def test_who_acts_on_what_a_topic_holds_leaves_out_what_others_have_written() -> None:
    """With `lineal.events_on_topic.read_admitted`; else a forged answer is told as lineal's own."""
    root = Path(__file__).parents[2]
    packages = ("lineal", "cli", "producers", "catalog", "console", "consumers", "learning")
    found = {
        str(path.relative_to(root))
        for package in packages
        for path in (root / package).rglob("*.py")
        if "/bus/" not in str(path.relative_to(root)) and "bus.read(" in path.read_text()
    }
    assert found == set(MAY_READ_ANYTHING)
