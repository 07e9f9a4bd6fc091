"""Effects arrive as they were sent, those of other packages included."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lineal_producers.mqtt.effects as mqtt
from lineal.effects.claims import Claim
from lineal.effects.codec import decode, encode
from lineal.effects.effect import Effect
from lineal.effects.fan_in import FanInDone, FanInPart, PartWithdrawn
from lineal.effects.memo import MemoEntry
from lineal.effects.objects import ObjectPut
from lineal.effects.records import LineageRecord
from lineal.effects.state import StateChange
from lineal.effects.timers import TimerCancelled, TimerSet
from lineal_catalog.search.effect import SearchEntries
from lineal_catalog.search.pages import SearchPage
from tests.conformance.effects import Call

TEXT = st.text(max_size=20)
DATA = st.binary(max_size=60)
NUMBER = st.integers(0, 2**62)

EFFECTS: st.SearchStrategy[Effect] = st.one_of(
    st.builds(
        StateChange, TEXT, TEXT, TEXT, st.none() | TEXT, st.none() | DATA, st.none() | DATA, NUMBER
    ),
    st.builds(MemoEntry, st.binary(max_size=64), DATA),
    st.builds(ObjectPut, DATA),
    st.builds(TimerSet, TEXT, TEXT, NUMBER, DATA),
    st.builds(TimerCancelled, TEXT, TEXT),
    st.builds(FanInPart, TEXT, TEXT, st.integers(0, 9), DATA),
    st.builds(FanInDone, TEXT, TEXT, TEXT, NUMBER),
    st.builds(PartWithdrawn, TEXT, TEXT, st.integers(0, 9), TEXT, TEXT, NUMBER),
    st.builds(Claim, TEXT, TEXT, TEXT),
    st.builds(
        SearchEntries,
        TEXT,
        st.lists(st.builds(SearchPage, st.integers(1, 9), TEXT), max_size=3).map(tuple),
        st.dictionaries(TEXT, TEXT, max_size=3),
    ),
    st.builds(LineageRecord, DATA),
    st.builds(mqtt.LeaseHeld, TEXT, TEXT, NUMBER),
    st.builds(mqtt.DevicePositionPut, TEXT, DATA),
    st.builds(mqtt.NoticePut, TEXT, DATA),
)


@given(st.lists(EFFECTS, max_size=12))
def test_effects_arrive_as_they_were_sent(effects: Sequence[Effect]) -> None:
    assert decode(encode(effects)) == effects


@given(st.lists(EFFECTS, min_size=1, max_size=3), st.data())
def test_what_is_cut_off_is_no_message(effects: Sequence[Effect], data: st.DataObject) -> None:
    message = encode(effects)
    whole = {len(encode(effects[:count])) for count in range(len(effects) + 1)}
    end = data.draw(st.integers(0, len(message)).filter(lambda end: end not in whole))
    with pytest.raises(ValueError, match="cut off"):
        decode(message[:end])


@given(st.binary(max_size=40))
def test_bytes_of_others_are_refused_and_break_nothing(data: bytes) -> None:
    try:
        effects = decode(data)
    except ValueError:
        return
    assert decode(encode(effects)) == effects


def test_an_effect_of_a_package_that_is_not_installed_is_named() -> None:
    content = b'{"kind":"weather.wind","fields":{}}'
    with pytest.raises(ValueError, match=r"weather\.wind"):
        decode(b"e" + len(content).to_bytes(4, "big") + content)


def test_each_type_says_whether_others_can_read_it() -> None:
    read = {kind.kind for kind in (StateChange, ObjectPut, TimerSet, FanInPart, FanInDone, Claim)}
    assert all(kind.read_by_others for kind in (StateChange, ObjectPut, TimerSet, Claim, Call))
    assert not MemoEntry.read_by_others
    assert not mqtt.DevicePositionPut.read_by_others
    assert len(read) == 6
